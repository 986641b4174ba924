import type { Context } from '#context.ts'
import type { RoomLine } from '#services/rooms/room-line.ts'

/** The room's line once nothing waits for its commit. In the room's turn it stays so until the turn ends. */
export async function settledLine(ctx: Pick<Context, 'rooms'>, roomId: string): Promise<RoomLine> {
  for (;;) {
    const line = await ctx.rooms.get(roomId)
    await line.lastWrite
    if (!line.isBroken) return line
  }
}
