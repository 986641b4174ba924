import type { Context } from '#context.ts'
import type { CompiledRuleset } from '#protocol/push/push-evaluation.ts'
import { membershipIntervals } from '#services/rooms/read/history-intervals.ts'
import { previousEvents } from '#services/rooms/read/previous-events.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { mainTimeline } from '#services/rooms/read/thread-of.ts'
import { notificationsAmong } from './notifications-among.ts'
import { roomForRules, type RoomForRules } from './room-for-rules.ts'
import type { UnreadNotification, ReadPositions, Tally, UnreadCount, UnreadCounts } from './unread-notifications.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'pushRulesets' | 'ignoredUsers' | 'unread'>

/** Only so many of a room's newest events are counted: clients show 99+ anyway. */
const maxLookedAt = 1000

/**
 * The unread counts of a room for a member. They depend on the room's events and state, the member's push rules,
 * receipts, ignored users and join alone; they are counted on demand, and incrementally unless anything but the events
 * has changed.
 * https://spec.matrix.org/v1.19/client-server-api/#receiving-notifications
 */
export async function unreadCounts(ctx: Needs, room: LiveRoom, userId: UserId): Promise<UnreadCounts> {
  const [ruleset, ignored] = await Promise.all([ctx.pushRulesets.get(userId), ctx.ignoredUsers.of(userId)])
  const { tally, receiptMoves } = ctx.unread.slot(userId, room.roomId)
  const knowsReceipts = tally?.receiptMoves === receiptMoves
  const isSame = tally?.ruleset === ruleset && tally.ignored === ignored
  if (tally && isSame && knowsReceipts && tally.upTo >= room.lastPosition) return tally.counts
  const read = knowsReceipts ? tally.read : await readPositions(ctx, room.roomId, userId)
  const start = Math.max(read.everywhere ?? 0, await joinedAt(ctx, room, userId))
  const counting = { userId, ruleset, ignored, tally, isSame, read, start, upTo: room.lastPosition }
  const counted = await count(ctx, room, counting)
  ctx.unread.keep(userId, room.roomId, { ...counted, ruleset, ignored, upTo: counting.upTo, receiptMoves, read })
  return counted.counts
}

type Counting = {
  userId: UserId
  ruleset: CompiledRuleset
  ignored: ReadonlySet<UserId>
  tally: Tally | undefined
  /** Whether the tally was made with these rules and ignored users. */
  isSame: boolean
  read: ReadPositions
  /** Nothing counts up to here. */
  start: number
  upTo: number
}

type Counted = Pick<Tally, 'notifications' | 'counts' | 'lookedAt' | 'lastOther' | 'roomVersion'>

async function count(ctx: Needs, room: LiveRoom, counting: Counting): Promise<Counted> {
  const { userId, ruleset, ignored, tally, read, start, upTo } = counting
  let rulesRoom: Promise<RoomForRules> | undefined
  const forRules = () => (rulesRoom ??= roomForRules(ctx, room, ruleset))
  const base = (await usableTally(counting, forRules)) ?? unread
  const after = Math.max(base.upTo, start)
  const events = (await previousEvents(ctx, room, { after, before: upTo + 1, limit: maxLookedAt })).reverse()
  const former = events.length < maxLookedAt ? base.notifications : []
  const { lookedAt } = base
  const stretch = { ruleset, roomForRules: forRules, events, lookedAt, notifications: former }
  const all = await notificationsAmong(ctx, { room, userId, ignored }, stretch)
  const first = lookedAt + events.length - maxLookedAt
  const notifications = all.filter(
    ({ position, threadId, ordinal }) => ordinal >= first && position > readUpTo(read, threadId, start),
  )
  return {
    notifications,
    counts: tally && hasSame(tally.notifications, notifications) ? tally.counts : countsOf(notifications),
    lookedAt: lookedAt + events.length,
    lastOther: events.findLast(({ sender }) => sender !== userId)?.position ?? base.lastOther,
    roomVersion: rulesRoom ? (await rulesRoom).version : base.roomVersion,
  }
}

type Base = Pick<Tally, 'upTo' | 'notifications' | 'lookedAt' | 'lastOther' | 'roomVersion'>

const unread: Base = { upTo: 0, notifications: [], lookedAt: 0, lastOther: 0, roomVersion: undefined }

/** The previous tally, if it is still valid; without notifications where all events of others are read. */
async function usableTally(
  { tally, isSame, start }: Counting,
  forRules: () => Promise<RoomForRules>,
): Promise<Base | undefined> {
  if (!tally) return undefined
  if (tally.lastOther <= start) return { ...tally, notifications: [], roomVersion: undefined }
  if (!isSame) return undefined
  const isCurrent = tally.roomVersion === undefined || tally.roomVersion === (await forRules()).version
  return isCurrent ? tally : undefined
}

/** Position since which the user has been joined without a break. */
async function joinedAt(ctx: Needs, room: LiveRoom, userId: UserId): Promise<number> {
  const known = room.joinedAt(userId)
  if (known !== undefined) return known
  const memberships = await membershipIntervals(ctx, room, { userId, since: 0 })
  return memberships.findLast(({ value }) => value === 'join')?.from ?? room.lastPosition
}

const readUpTo = ({ threads }: ReadPositions, threadId: string, start: number): number =>
  Math.max(start, threads.get(threadId) ?? 0)

/** The farther of public and private receipts. */
async function readPositions({ store }: Needs, roomId: RoomId, userId: UserId): Promise<ReadPositions> {
  const threads = new Map<string, number>()
  for (const { threadId, eventPosition } of await store.rooms.receipts.listOfUser(roomId, userId))
    threads.set(threadId, Math.max(eventPosition, threads.get(threadId) ?? 0))
  return { everywhere: threads.get(''), threads }
}

const hasSame = (one: readonly UnreadNotification[], other: readonly UnreadNotification[]): boolean =>
  one.length === other.length && one.every((notification, index) => notification === other[index])

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
