import type { Context } from '#context.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { isInThread } from '#services/rooms/read/thread-of.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { RemoteReceipt } from './early-receipts.ts'
import { advanceReceipt, receiptsChanged, type NewReceipt } from './receipts.ts'

type Needs = Pick<Context, 'store' | 'bus' | 'clock' | 'accountRooms' | 'earlyReceipts'>

/**
 * Stores receipts of joined users of another server; those of events that are not in the room, or not in the thread, are
 * left out. Those of events that are not here yet are kept for a while; `looks`: how often that was so before.
 */
export async function setRemoteReceipts(
  ctx: Needs,
  room: LiveRoom,
  given: readonly { receipt: RemoteReceipt; looks: number }[],
): Promise<void> {
  const receipts = given.map(({ receipt }) => receipt)
  const { lastPosition } = room
  const found = await ctx.store.rooms.events.findMany([...new Set(receipts.map(({ eventId }) => eventId))])
  const events = new Map(found.map((event) => [event.eventId, event]))
  const early = given.filter(({ receipt }) => (events.get(receipt.eventId)?.status ?? 'outlier') === 'outlier')
  ctx.earlyReceipts.keep(room.roomId, early)
  // The event may have come while it was looked for.
  if (early.length > 0 && room.lastPosition !== lastPosition)
    await setRemoteReceipts(ctx, room, ctx.earlyReceipts.take(room.roomId))
  const valid: { receipt: NewReceipt; event: StoredEvent; ts: number }[] = []
  for (const { userId, eventId, threadId, ts = ctx.clock.now() } of receipts) {
    const event = events.get(eventId)
    if (event?.roomNid !== room.nid || event?.status !== 'accepted' || event.position <= room.purgedUpTo) continue
    if (threadId !== undefined && !(await isInThread(ctx, event, threadId))) continue
    // Clocks differ: none is from the future.
    const receipt = { roomId: room.roomId, userId, type: 'm.read', eventId, threadId } as const
    valid.push({ receipt, event, ts: Math.min(ts, ctx.clock.now()) })
  }
  if (valid.length === 0) return
  const moved: NewReceipt[] = []
  await ctx.accountRooms.writeReceipt(room.roomId, () =>
    ctx.store.transaction(async (tx) => {
      moved.length = 0
      let newest: number | undefined
      for (const { receipt, event, ts } of valid) {
        const position = await advanceReceipt(tx, { receipt, event, ts })
        if (position !== undefined) moved.push(receipt)
        newest = position ?? newest
      }
      return newest
    }),
  )
  for (const receipt of moved) receiptsChanged(ctx, room, receipt)
}
