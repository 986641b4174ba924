import { forbidden, MatrixError } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonValue } from '#protocol/events/event.ts'
import { addressKey } from '#http/rate-limit.ts'
import type { Authenticators, Credentials } from '#http/requester.ts'
import { authenticateServer } from '#services/federation/authenticate-server.ts'
import { authenticate, authenticateAdmin, authenticateIfGiven } from '#services/accounts/sessions/authenticate.ts'

/** Requests with unknown tokens are rate-limited by address; those with a known one are not. */
async function counting<T>(ctx: Context, { ip }: Pick<Credentials, 'ip'>, find: () => Promise<T>): Promise<T> {
  try {
    return await find()
  } catch (error) {
    if (error instanceof MatrixError && error.errcode === 'M_UNKNOWN_TOKEN')
      ctx.rateBuckets.spend('bad_token', addressKey(ip))
    throw error
  }
}

/** Authorization by account state, beyond authentication. */
export const authenticators: Authenticators<Context> = {
  async optional(ctx, credentials) {
    try {
      return await counting(ctx, credentials, () => authenticateIfGiven(ctx, credentials))
    } catch (error) {
      // An empty token counts as absent.
      if (error instanceof MatrixError && error.errcode === 'M_UNKNOWN_TOKEN') return undefined
      throw error
    }
  },

  async user(ctx, credentials) {
    const requester = await counting(ctx, credentials, () => authenticate(ctx, credentials))
    if (requester.isGuest) throw new MatrixError(403, 'M_GUEST_ACCESS_FORBIDDEN', 'Guests may not do this')
    return requester
  },

  guest: (ctx, credentials) => counting(ctx, credentials, () => authenticate(ctx, credentials)),

  admin: (ctx, credentials) => counting(ctx, credentials, () => authenticateAdmin(ctx, credentials)),

  async appservice(ctx, credentials) {
    const { userId, appserviceId } = await counting(ctx, credentials, () => authenticate(ctx, credentials))
    if (appserviceId === undefined) throw forbidden('Only application services may do this')
    return { userId, appserviceId }
  },

  async server(ctx, { method, url, headers, body }) {
    const authorization = headers.authorization ?? []
    const signed = { method, uri: url, content: body as JsonValue | undefined }
    const values = typeof authorization === 'string' ? [authorization] : authorization
    const serverName = await authenticateServer(ctx, { ...signed, authorization: values })
    ctx.destinations.heardFrom(serverName)
    return { serverName }
  },
}
