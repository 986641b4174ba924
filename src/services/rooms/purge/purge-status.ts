import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { Purge, PurgeKind } from '#store/rooms/purges.ts'
import { roomPlan, type Shutdown } from './purge-plan.ts'
import type { RoomId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store'>

/** How a purge of history stands; throws M_NOT_FOUND for what nobody asked for. */
export async function historyPurgeStatus(ctx: Needs, id: string): Promise<{ status: string }> {
  const { status } = await findPurge(ctx, id, 'history')
  return { status }
}

export type DeletionStatus = {
  delete_id: string
  room_id: RoomId
  status: string
  shutdown_room: Shutdown
  error?: string
}

/** How a deletion of a room stands. */
export async function deletionStatus(ctx: Needs, id: string): Promise<DeletionStatus> {
  return told(await findPurge(ctx, id, 'room'))
}

/** How all deletions of one room stand, the newest first. */
export async function deletionStatuses(ctx: Needs, roomId: RoomId): Promise<DeletionStatus[]> {
  const found = await ctx.store.rooms.purges.listForRoom(roomId, 'room')
  if (found.length === 0) throw notFound('Nobody asked for a deletion of the room')
  return found.map(told)
}

async function findPurge(ctx: Needs, id: string, kind: PurgeKind): Promise<Purge> {
  const purge = await ctx.store.rooms.purges.find(id)
  if (purge?.kind !== kind) throw notFound('There is no such purge')
  return purge
}

function told(purge: Purge): DeletionStatus {
  const { shutdown, error } = roomPlan(purge)
  return {
    delete_id: purge.id,
    room_id: purge.roomId,
    status: purge.status,
    shutdown_room: shutdown,
    ...(error !== undefined && { error }),
  }
}
