import { forbidden, MatrixError } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { Authenticators } from '#http/requester.ts'
import { authenticate, authenticateAdmin, authenticateIfKnown } from '#services/accounts/sessions/authenticate.ts'

/** Who may ask what, on top of who it is. */
export const authenticators: Authenticators<Context> = {
  optional: authenticateIfKnown,

  async user(ctx, credentials) {
    const requester = await authenticate(ctx, credentials)
    if (requester.isGuest) throw new MatrixError(403, 'M_GUEST_ACCESS_FORBIDDEN', 'Guests may not do this')
    return requester
  },

  guest: authenticate,

  admin: authenticateAdmin,

  async appservice(ctx, credentials) {
    const { userId, appserviceId } = await authenticate(ctx, credentials)
    if (appserviceId === undefined) throw forbidden('Only application services may do this')
    return { userId, appserviceId }
  },

  async server() {
    throw forbidden('Federation is not served')
  },
}
