import { membersMissing } from '#base/errors.ts'
import { eventsCommitted } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { RoomId } from '#protocol/ids.ts'
import type { LiveRoom } from './live-room.ts'

type Needs = Pick<Context, 'rooms' | 'bus' | 'clock'>

/** So long a request waits for the members of a room, in ms. */
const patienceMs = 60_000

/** Whether the room's members are being fetched: while users of this server are in it. */
export const awaitsMembers = (room: LiveRoom | undefined): boolean =>
  room !== undefined && room.isPartial && room.localUsers.size > 0

/** Waits until all members of a room are here, where a join left them out; throws where they do not come soon. */
export async function wholeRoom(ctx: Needs, roomId: RoomId): Promise<void> {
  if (!awaitsMembers(await ctx.rooms.find(roomId))) return
  const deadline = ctx.clock.now() + patienceMs
  for (;;) {
    const moved = Promise.withResolvers<void>()
    const end = ctx.bus.subscribe(eventsCommitted, (event) => event.roomId === roomId && moved.resolve())
    const cancel = ctx.clock.after(deadline - ctx.clock.now(), moved.resolve)
    try {
      if (!awaitsMembers(await ctx.rooms.find(roomId))) return
      if (ctx.clock.now() >= deadline) throw membersMissing()
      await moved.promise
    } finally {
      end()
      cancel()
    }
  }
}
