import type { Context } from '#context.ts'
import { unreadCounts } from '#services/push/unread-counts.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'

/** `unread_notifications`, with threads told apart only when the filter asks for it. */
export async function unreadSection(ctx: Context, line: RoomLine, { request }: SyncMoment): Promise<string> {
  const counts = await unreadCounts(ctx, line, request.userId)
  if (!request.filter.timeline.unreadThreadNotifications)
    return `"unread_notifications":${JSON.stringify(counts.total)}`
  const main = `"unread_notifications":${JSON.stringify(counts.main)}`
  const { threads } = counts
  return Object.keys(threads).length === 0 ? main : `${main},"unread_thread_notifications":${JSON.stringify(threads)}`
}
