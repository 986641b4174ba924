import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { RoomId, ServerName } from '#protocol/ids.ts'
import { mayTakePart } from '#services/federation/may-take-part.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { PositionRange } from '#store/rooms/readable.ts'
import { serverRanges, usersOf } from './server-ranges.ts'

/** Another server looking at a room. */
export type Serving = {
  room: LiveRoom
  server: ServerName
  /** Of the events that it may see. */
  ranges: readonly PositionRange[]
  /** Whether it is in the room now: then the room's state is open to it. */
  isJoined: boolean
}

export type ServingNeeds = Pick<Context, 'store' | 'rooms' | 'serverAcls' | 'erasedUsers'>

/** The same whether there is no such room, the server never had to do with it, or the room's ACL keeps it out. */
const stranger = () => forbidden('Your server is not in this room')

/**
 * Opens a room that we are in for a server that is in it, or was: of what came before and after, history visibility
 * decides. Placeholders are not found: what a join under way brings in is shown to nobody.
 */
export async function openServing(ctx: ServingNeeds, roomId: RoomId, server: ServerName): Promise<Serving> {
  const room = await ctx.rooms.find(roomId)
  if (!room || room.localUsers.size === 0) throw stranger()
  if (usersOf(room, server).length === 0 || !(await mayTakePart(ctx, room, server))) throw stranger()
  const isJoined = room.joinedByServer.has(server)
  return { room, server, isJoined, ranges: await serverRanges(ctx, room, server) }
}

/** The same for what only a server in the room gets: its state. */
export async function openServingToMember(ctx: ServingNeeds, roomId: RoomId, server: ServerName): Promise<Serving> {
  const serving = await openServing(ctx, roomId, server)
  if (!serving.isJoined) throw stranger()
  if (serving.room.isPartial) throw forbidden('The state of the room is not known yet')
  return serving
}
