import type { Context } from '#context.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'
import { CompiledFilters } from '#services/accounts/data/compiled-filters.ts'
import { SentTransactions } from '#services/rooms/write/sent-transactions.ts'

/** Whose and which rooms' cached facts are dropped. */
type Cached = { users: readonly { userId: string; deviceIds: readonly string[] }[]; roomIds: readonly string[] }

/** Empties every cache that the store can fill again, as memory pressure would; no request may be under way. */
export function evictAll(context: Context, cached: Cached): void {
  const roomIds = cached.roomIds as RoomId[]
  for (const roomId of roomIds) context.rooms.drop(roomId)
  for (const { userId: id, deviceIds } of cached.users) {
    const userId = id as UserId
    context.sessions.forget(userId)
    context.pushRulesets.forget(userId)
    context.ignoredUsers.forget(userId)
    for (const roomId of roomIds) {
      context.unread.slot(userId, roomId).tally = undefined
      for (const deviceId of deviceIds) context.lazyMembers.forget(`${userId} ${deviceId}`, roomId)
    }
  }
  context.filters = new CompiledFilters()
  context.sentCounts.clear()
  context.sentTransactions = new SentTransactions(context.store)
}
