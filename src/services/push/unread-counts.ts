import type { Context } from '#context.ts'
import type { CompiledRuleset } from '#protocol/push/push-evaluation.ts'
import { previousEvents } from '#services/rooms/read/previous-events.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { mainTimeline } from '#services/rooms/read/thread-of.ts'
import { visibleEvents } from '#services/rooms/read/visibility.ts'
import { notificationsAmong } from './notifications-among.ts'
import type { UnreadNotification, ReadPositions, Tally, UnreadCount, UnreadCounts } from './unread-notifications.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'pushRulesets' | 'ignoredUsers' | 'unread'>

/** Of a room that nobody has counted yet, so many of the newest events are looked at: clients show 99+ anyway. */
const maxLookedAt = 300

/**
 * How much of a room the user has yet to read and is to be notified of. Counted when somebody asks, and then only
 * what has come since: nothing is written when an event is sent.
 * https://spec.matrix.org/v1.19/client-server-api/#receiving-notifications
 */
export async function unreadCounts(ctx: Needs, room: LiveRoom, userId: UserId): Promise<UnreadCounts> {
  const [ruleset, ignored] = await Promise.all([ctx.pushRulesets.get(userId), ctx.ignoredUsers.of(userId)])
  const { tally, receiptMoves } = ctx.unread.slot(userId, room.roomId)
  const replaced = tally && tally.ruleset === ruleset && tally.ignored === ignored ? tally : undefined
  const knowsReceipts = replaced?.receiptMoves === receiptMoves
  if (replaced && knowsReceipts && replaced.upTo >= room.lastPosition) return replaced.counts
  const upTo = room.lastPosition
  const read = knowsReceipts ? replaced.read : await readPositions(ctx, room.roomId, userId)
  const notifications = await advance(ctx, room, { userId, ruleset, ignored, replaced, read, upTo })
  const counts = countsOf(notifications)
  ctx.unread.keep(userId, room.roomId, { ruleset, ignored, upTo, receiptMoves, read, notifications, counts })
  return counts
}

type Advance = {
  userId: UserId
  ruleset: CompiledRuleset
  ignored: ReadonlySet<UserId>
  replaced: Tally | undefined
  read: ReadPositions
  upTo: number
}

async function advance(
  ctx: Needs,
  room: LiveRoom,
  { userId, ruleset, ignored, replaced, read, upTo }: Advance,
): Promise<UnreadNotification[]> {
  const joinedAt = room.entry('m.room.member', userId)?.position ?? upTo
  const after = replaced?.upTo ?? read.everywhere ?? joinedAt
  const newest = await previousEvents(ctx, room, { after, before: upTo + 1, limit: maxLookedAt })
  const heard = newest.reverse().filter(({ sender }) => !ignored.has(sender))
  const events = await visibleEvents(ctx, { room, userId }, heard)
  const notifications = await notificationsAmong(ctx, room, {
    userId,
    ruleset,
    events,
    replaced: replaced?.notifications ?? [],
  })
  return notifications.filter(({ position, threadId }) => position > readUpTo(read, threadId))
}

const readUpTo = ({ everywhere, threads }: ReadPositions, threadId: string): number =>
  Math.max(everywhere ?? 0, threads.get(threadId) ?? 0)

/** The farther of public and private receipts. */
async function readPositions({ store }: Needs, roomId: RoomId, userId: UserId): Promise<ReadPositions> {
  const threads = new Map<string, number>()
  for (const { threadId, eventPosition } of await store.rooms.receipts.listOfUser(roomId, userId))
    threads.set(threadId, Math.max(eventPosition, threads.get(threadId) ?? 0))
  return { everywhere: threads.get(''), threads }
}

function countsOf(notifications: readonly UnreadNotification[]): UnreadCounts {
  const threads = new Map<string, UnreadCount>()
  const total = noCount()
  for (const { threadId, isHighlight } of notifications) {
    const thread = threads.get(threadId) ?? noCount()
    threads.set(threadId, thread)
    for (const count of [thread, total]) {
      count.notification_count++
      if (isHighlight) count.highlight_count++
    }
  }
  const main = threads.get(mainTimeline) ?? noCount()
  threads.delete(mainTimeline)
  return { main, threads: Object.fromEntries(threads), total }
}

const noCount = (): UnreadCount => ({ notification_count: 0, highlight_count: 0 })
