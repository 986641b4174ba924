import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { interact } from './interactive-auth.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'config' | 'clock' | 'tokens' | 'rateBuckets'>

/** A request for which an access token alone does not suffice. */
export type Confirmation = {
  requester: { userId: UserId; appserviceId: string | undefined }
  /** Method and path as requested, ids included: an authentication session is bound to them. */
  endpoint: string
  body: unknown
  /** What the user may do to approve; a password when absent. */
  flows?: readonly (readonly string[])[]
}

/**
 * User-interactive authentication of a request: answers its body without `auth` (that of the first request when the
 * client sent only `auth`), or throws the 401 with the remaining stages. Application services are exempt.
 */
export async function confirmInteractively(ctx: Needs, confirmation: Confirmation): Promise<JsonObject> {
  const { requester, endpoint, flows = [['m.login.password']] } = confirmation
  const body = confirmation.body as JsonObject
  if (requester.appserviceId !== undefined) {
    const { auth: _, ...request } = body
    return request
  }
  const approved = await interact(ctx, {
    owner: requester.userId,
    userId: requester.userId,
    name: endpoint,
    body,
    flows,
  })
  return approved.body
}
