import type { Context } from '#context.ts'
import { isObject } from '#protocol/events/event.ts'
import type { RoomId } from '#protocol/ids.ts'
import { completeRoomJob } from '#services/federation/receive/begin-partial.ts'

/** A room whose members are still to come, and how far they have. */
export type PartialRoomStatus = {
  roomId: RoomId
  since: number | null
  /** Members that are here; null: the state has not been fetched yet. */
  members: number | null
  /** Events of the state. */
  events: number | null
  attempts: number
  error: string | null
}

/** In the order of their ids. */
export async function listPartialRooms(
  { store }: Pick<Context, 'store'>,
  page: { after: string; limit: number },
): Promise<PartialRoomStatus[]> {
  const rooms = await store.rooms.partial.listAwaited(completeRoomJob, page)
  return rooms.map(({ roomId, since, progress, attempts, error }) => {
    const { members, events } = isObject(progress) ? progress : {}
    return { roomId, since: since ?? null, members: countIn(members), events: countIn(events), attempts, error: error ?? null } // prettier-ignore
  })
}

const countIn = (value: unknown): number | null => (typeof value === 'number' ? value : null)
