import type { Context } from '#context.ts'
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
