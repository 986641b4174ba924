import type { Context } from '#context.ts'
import type { CompiledRuleset } from '#protocol/push/push-evaluation.ts'
import { previousEvents } from '#services/rooms/read/previous-events.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'
import { mainTimeline } from '#services/rooms/read/thread-of.ts'
import { visibleEvents } from '#services/rooms/read/visibility.ts'
import { noticesAmong } from './notices-among.ts'
import type { Notice, ReadPositions, Tally, UnreadCount, UnreadCounts } from './unread-notices.ts'

type Needs = Pick<Context, 'store' | 'pushRulesets' | 'ignoredUsers' | 'unread'>

/** Of a room that nobody has counted yet, so many of the newest events are looked at: clients show 99+ anyway. */
const maxLookedAt = 300

/**
 * How much of a room the user has yet to read and is to be notified of. Counted when somebody asks, and then only
 * what has come since: nothing is written when an event is sent.
 * https://spec.matrix.org/v1.19/client-server-api/#receiving-notifications
 */
export async function unreadCounts(ctx: Needs, line: RoomLine, userId: string): Promise<UnreadCounts> {
  const [ruleset, ignored] = await Promise.all([ctx.pushRulesets.get(userId), ctx.ignoredUsers.of(userId)])
  const { tally, receiptMoves } = ctx.unread.slot(userId, line.roomId)
  const former = tally && tally.ruleset === ruleset && tally.ignored === ignored ? tally : undefined
  const knowsReceipts = former?.receiptMoves === receiptMoves
  if (former && knowsReceipts && former.upTo >= line.lastPosition) return former.counts
  const upTo = line.lastPosition
  const read = knowsReceipts ? former.read : await readPositions(ctx, line.roomId, userId)
  const notices = await advance(ctx, line, { userId, ruleset, ignored, former, read, upTo })
  const counts = countsOf(notices)
  ctx.unread.keep(userId, line.roomId, { ruleset, ignored, upTo, receiptMoves, read, notices, counts })
  return counts
}

type Advance = {
  userId: string
  ruleset: CompiledRuleset
  ignored: ReadonlySet<string>
  former: Tally | undefined
  read: ReadPositions
  upTo: number
}

async function advance(
  ctx: Needs,
  line: RoomLine,
  { userId, ruleset, ignored, former, read, upTo }: Advance,
): Promise<Notice[]> {
  const joinedAt = line.holder('m.room.member', userId)?.position ?? upTo
  const after = former?.upTo ?? read.everywhere ?? joinedAt
  const newest = await previousEvents(ctx, line, { after, before: upTo + 1, limit: maxLookedAt })
  const heard = newest.reverse().filter(({ sender }) => !ignored.has(sender))
  const events = await visibleEvents(ctx, { line, userId }, heard)
  const notices = await noticesAmong(ctx, line, { userId, ruleset, events, former: former?.notices ?? [] })
  return notices.filter(({ position, threadId }) => position > readUpTo(read, threadId))
}

const readUpTo = ({ everywhere, threads }: ReadPositions, threadId: string): number =>
  Math.max(everywhere ?? 0, threads.get(threadId) ?? 0)

/** The farther of public and private receipts. */
async function readPositions({ store }: Needs, roomId: string, userId: string): Promise<ReadPositions> {
  const threads = new Map<string, number>()
  for (const { threadId, eventPosition } of await store.receipts.listOfUser(roomId, userId))
    threads.set(threadId, Math.max(eventPosition, threads.get(threadId) ?? 0))
  return { everywhere: threads.get(''), threads }
}

function countsOf(notices: readonly Notice[]): UnreadCounts {
  const threads = new Map<string, UnreadCount>()
  const total = noCount()
  for (const { threadId, isHighlight } of notices) {
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
