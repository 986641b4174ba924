import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'

/** The room's line, bare or not, once nothing waits for its commit. In the room's turn it stays so until the turn ends. */
export async function settledLine(ctx: Pick<Context, 'rooms'>, roomId: string): Promise<RoomLine> {
  for (;;) {
    const line = await ctx.rooms.findStored(roomId)
    if (!line) throw notFound('The room is not known')
    await line.lastWrite
    if (!line.isBroken) return line
  }
}
