import type { Context } from '#context.ts'
import { ignoredUsersType } from '#services/accounts/data/ignored-users.ts'
import { pushRulesType } from '#services/accounts/data/stored-push-rules.ts'
import { unreadCounts } from '#services/push/unread-counts.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'

/** A room's unread counts as members of the answer, and whether the device does not hold them yet. */
export type UnreadSection = { json: string; isNews: boolean }

/** `unread_notifications`, split by thread only when the filter asks for it. */
export async function unreadSection(
  ctx: Context,
  room: LiveRoom,
  { request, now }: SyncMoment,
): Promise<UnreadSection & { markSent(): void }> {
  const counts = await unreadCounts(ctx, room, request.userId)
  const json = countsText(counts, request.filter.timeline.unreadThreadNotifications)
  const key = [`${request.userId} ${request.deviceId ?? ''}`, room.roomId] as const
  return {
    json,
    isNews: !ctx.sentCounts.knows(key, json, request.since),
    markSent: () => ctx.sentCounts.markSent(key, json, now),
  }
}

function countsText({ total, main, threads }: Awaited<ReturnType<typeof unreadCounts>>, byThread: boolean): string {
  if (!byThread) return `"unread_notifications":${JSON.stringify(total)}`
  const text = `"unread_notifications":${JSON.stringify(main)}`
  return Object.keys(threads).length === 0 ? text : `${text},"unread_thread_notifications":${JSON.stringify(threads)}`
}

const texts = [pushRulesType, ignoredUsersType].map((type) => `{"type":${JSON.stringify(type)},`)

/** Whether among a user's changed account data is what decides about the counts and invites of all rooms. */
export const movesSettings = (global: readonly string[]): boolean =>
  global.some((json) => texts.some((text) => json.startsWith(text)))
