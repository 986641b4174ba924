import type { Context } from '#context.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'

const noPresence = '"presence":{"events":[]}'

/** Presence of those who share a room with the reader: what changed, and of who began to share one. */
export async function presenceSection(
  ctx: Context,
  { request, streams, moved }: SyncMoment,
): Promise<{ json: string; hasNews: boolean }> {
  if (!streams.has('presence')) return { json: noPresence, hasNews: false }
  const changes = ctx.presence.changes(request.since?.presence ?? 0)
  for (const userId of await moved) {
    const content = userId === request.userId ? undefined : ctx.presence.find(userId)
    if (content) changes.set(userId, content)
  }
  const others = [...changes.keys()].filter((userId) => userId !== request.userId)
  const sharing = new Set([
    request.userId,
    ...(others.length === 0 ? [] : await ctx.store.rooms.sharing.sharingAmong(request.userId, others)),
  ])
  const events = [...changes]
    .filter(([sender]) => sharing.has(sender) && request.filter.presence.matches({ type: 'm.presence', sender }))
    .map(([sender, content]) => JSON.stringify({ type: 'm.presence', sender, content }))
  return { json: `"presence":{"events":[${events.join(',')}]}`, hasNews: events.length > 0 }
}
