import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { Purge, PurgeKind } from '#store/rooms/purges.ts'
import { roomPlan, type Shutdown } from './purge-plan.ts'
import type { RoomId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store'>

/** The status of a purge of history; throws M_NOT_FOUND for an unknown one. */
export async function historyPurgeStatus(ctx: Needs, id: string): Promise<{ status: string }> {
  return { status: shownStatus(await findPurge(ctx, id, 'history')) }
}

export type DeletionStatus = {
  delete_id: string
  room_id: RoomId
  status: string
  shutdown_room: Shutdown
  error?: string
}

/** The status of a deletion of a room. */
export async function deletionStatus(ctx: Needs, id: string): Promise<DeletionStatus> {
  return told(await findPurge(ctx, id, 'room'))
}

/** The status of all deletions of one room, the newest first. */
export async function deletionStatuses(ctx: Needs, roomId: RoomId): Promise<DeletionStatus[]> {
  const found = await ctx.store.rooms.purges.listForRoom(roomId, 'room')
  if (found.length === 0) throw notFound('The room was not deleted')
  return found.map(told)
}

/** What failed and is tried again has failed, until it is begun again. */
const shownStatus = ({ status }: Purge): string => (status === 'retrying' ? 'failed' : status)

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
    status: shownStatus(purge),
    shutdown_room: shutdown,
    ...(error !== undefined && { error }),
  }
}
