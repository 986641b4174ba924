import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { isValidUserId, serverOf, type UserId } from '#protocol/ids.ts'

/** Splits items by user into local ones and those of each remote server; leaves out malformed user ids. */
export function partitionByServer<T extends { userId: UserId }>(
  { config }: Pick<Context, 'config'>,
  items: readonly T[],
): { local: T[]; remote: Map<string, T[]> } {
  const valid = items.filter(({ userId }) => isValidUserId(userId))
  const byServer = Map.groupBy(valid, ({ userId }) => serverOf(userId))
  const local = byServer.get(config.server_name) ?? []
  byServer.delete(config.server_name)
  return { local, remote: byServer }
}

/** The `failures` of a response: servers that were not asked or did not answer. */
export function unreachable(servers: readonly string[]): Record<string, JsonObject> {
  const failure = { status: 503, message: 'The server could not be reached' }
  return Object.fromEntries(servers.map((server) => [server, failure]))
}
