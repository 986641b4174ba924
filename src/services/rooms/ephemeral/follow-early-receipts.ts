import { eventsCommitted } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { setRemoteReceipts } from './remote-receipts.ts'

type Needs = Pick<Context, 'store' | 'bus' | 'clock' | 'accountRooms' | 'earlyReceipts' | 'log' | 'rooms'>

/** Looks for the events of early receipts when events come; the answer ends it. */
export function followEarlyReceipts(ctx: Needs): () => void {
  return ctx.bus.subscribe(eventsCommitted, ({ roomId }) => {
    const room = ctx.earlyReceipts.has(roomId) ? ctx.rooms.peek(roomId) : undefined
    if (!room) return
    const early = ctx.earlyReceipts.take(roomId).filter(({ receipt }) => room.members.get(receipt.userId) === 'join')
    setRemoteReceipts(ctx, room, early).catch((error: unknown) =>
      ctx.log.warn('early receipts were not stored', { error }),
    )
  })
}
