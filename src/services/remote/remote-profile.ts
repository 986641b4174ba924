import { notFound } from '#base/errors.ts'
import type { JsonValue } from '#protocol/events/event.ts'
import { serverOf, type UserId } from '#protocol/ids.ts'
import { askServer, type RemoteNeeds } from './remote-client.ts'
import { RemoteError } from './remote-error.ts'

const maxProfileBytes = 65_536

/** The profile of a user of another server, or one field of it; throws what the client is answered. */
export async function askProfile(
  ctx: RemoteNeeds,
  userId: UserId,
  field?: string,
): Promise<{ [name: string]: JsonValue }> {
  try {
    const profile = await askServer(ctx, {
      destination: serverOf(userId),
      method: 'GET',
      path: ['_matrix', 'federation', 'v1', 'query', 'profile'],
      query: { user_id: userId, field },
      maxBytes: maxProfileBytes,
      timeoutMs: 10_000,
    })
    const fields = Object.entries(profile).filter(([name, value]) => isField(name, value))
    return Object.fromEntries(fields) as { [name: string]: JsonValue }
  } catch (error) {
    if (error instanceof RemoteError && error.status === 404) throw notFound('There is no such user')
    throw error instanceof RemoteError ? error.toClientError() : error
  }
}

/** NOTSPEC: servers in use answer null for a name or avatar that is not set. */
const isField = (name: string, value: JsonValue | undefined): boolean =>
  name === 'displayname' || name === 'avatar_url' ? typeof value === 'string' : value !== undefined
