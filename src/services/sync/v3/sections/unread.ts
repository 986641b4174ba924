import type { Context } from '#context.ts'
import { unreadCounts } from '#services/push/unread-counts.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'

/** `unread_notifications`, with threads told apart only when the filter asks for it. */
export async function unreadSection(ctx: Context, room: LiveRoom, { request }: SyncMoment): Promise<string> {
  const counts = await unreadCounts(ctx, room, request.userId)
  if (!request.filter.timeline.unreadThreadNotifications)
    return `"unread_notifications":${JSON.stringify(counts.total)}`
  const main = `"unread_notifications":${JSON.stringify(counts.main)}`
  const { threads } = counts
  return Object.keys(threads).length === 0 ? main : `${main},"unread_thread_notifications":${JSON.stringify(threads)}`
}
