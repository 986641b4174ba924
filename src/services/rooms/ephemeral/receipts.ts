import { invalidParam, notFound } from '#base/errors.ts'
import { receiptMoved } from '#bus/topics.ts'
import type { Context, Transaction } from '#context.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { Receipt } from '#store/rooms/receipts.ts'
import { requireJoined } from '#services/rooms/membership/require-joined.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { isInThread } from '#services/rooms/read/thread-of.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'

export type ReceiptType = 'm.read' | 'm.read.private'

/** A receipt of a member; unthreaded where it has no thread. */
export type NewReceipt = {
  roomId: RoomId
  userId: UserId
  type: ReceiptType
  eventId: EventId
  threadId?: string | undefined
}

type Needs = Pick<Context, 'store' | 'bus' | 'clock' | 'rooms' | 'accountRooms'>

/** Stores a receipt. https://spec.matrix.org/v1.19/client-server-api/#receipts */
export async function setReceipt(ctx: Needs, receipt: NewReceipt): Promise<void> {
  const room = await requireJoined(ctx, receipt.roomId, receipt.userId)
  const event = await requireEvent(ctx, room, receipt.eventId)
  await requireThread(ctx, event, receipt.threadId)
  const position = await ctx.accountRooms.writeReceipt(receipt.roomId, () =>
    ctx.store.transaction((tx) => advanceReceipt(tx, { receipt, event, ts: ctx.clock.now() })),
  )
  if (position !== undefined) receiptsChanged(ctx, room, receipt)
}

/** Publishes that a user's receipt has moved. */
export function receiptsChanged(
  { bus }: Pick<Context, 'bus'>,
  room: LiveRoom,
  { roomId, userId, type, threadId = '' }: NewReceipt,
): void {
  const userIds = type === 'm.read' ? [...room.localUsers] : [userId]
  bus.publish(receiptMoved, { roomId, userId, userIds, type, threadId })
}

/** The event of a receipt or marker, in the room. */
export async function requireEvent(
  { store }: Pick<Context, 'store'>,
  room: LiveRoom,
  eventId: EventId,
): Promise<StoredEvent> {
  const event = room.recent.find((recent) => recent.eventId === eventId) ?? (await store.rooms.events.find(eventId))
  if (event?.roomNid !== room.nid || event?.status !== 'accepted' || event.position <= room.purgedUpTo)
    throw notFound('The room has no such event')
  return event
}

/** A receipt for a thread names an event that belongs to it. */
async function requireThread(
  ctx: Pick<Context, 'store'>,
  event: StoredEvent,
  threadId: string | undefined,
): Promise<void> {
  if (threadId === undefined) return
  if (threadId === '') throw invalidParam('The thread id must not be empty')
  if (!(await isInThread(ctx, event, threadId))) throw invalidParam('The event is not in this thread')
}

/** The position of the receipt; undefined where the stored one is as far already. */
export async function advanceReceipt(
  tx: Transaction,
  { receipt: { threadId = '', ...receipt }, event, ts }: { receipt: NewReceipt; event: StoredEvent; ts: number },
): Promise<number | undefined> {
  const position = await tx.streams.next('receipts')
  const isNews = await tx.rooms.receipts.advance(
    { ...receipt, threadId, eventPosition: event.position, receivedAt: ts },
    position,
  )
  return isNews ? position : undefined
}

export type ReceiptSpan = { roomIds: readonly RoomId[]; after: number; upTo: number }

/**
 * The receipts of some rooms after one position of the stream and up to another, as JSON texts of m.receipt events:
 * mostly one for each room. Private receipts are for their owner alone.
 */
export async function receiptChanges(
  { store }: Pick<Context, 'store'>,
  userId: UserId,
  { roomIds, after, upTo }: ReceiptSpan,
): Promise<Map<RoomId, string[]>> {
  const texts = new Map<RoomId, string[]>()
  if (after === upTo || roomIds.length === 0) return texts
  const visible = (await store.rooms.receipts.listChanged(roomIds, { after, upTo })).filter(
    ({ type, userId: owner }) => type === 'm.read' || owner === userId,
  )
  for (const [roomId, receipts] of Map.groupBy(visible, (receipt) => receipt.roomId))
    texts.set(
      roomId,
      receiptContents(receipts).map((content) => JSON.stringify({ type: 'm.receipt', content })),
    )
  return texts
}

type ReceiptData = { ts: number; thread_id?: string }
type ReceiptContent = Record<EventId, Record<string, Record<UserId, ReceiptData>>>

/**
 * A content has one place for a user, an event and a type: whoever read up to the same event in a thread and without
 * one has the other receipt in another content. The one without thread, which says more, is in the first.
 */
function receiptContents(receipts: readonly Receipt[]): ReceiptContent[] {
  const contents: ReceiptContent[] = []
  const withoutThreadFirst = receipts.toSorted((a, b) => Number(a.threadId !== '') - Number(b.threadId !== ''))
  for (const { eventId, type, userId, threadId, receivedAt } of withoutThreadFirst) {
    let content = contents.find((one) => one[eventId]?.[type]?.[userId] === undefined)
    if (!content) contents.push((content = {}))
    const users = ((content[eventId] ??= {})[type] ??= {})
    users[userId] = { ts: receivedAt, ...(threadId !== '' && { thread_id: threadId }) }
  }
  return contents
}
