import type { Context } from '#context.ts'
import type { EventId } from '#protocol/ids.ts'
import type { LockedRoom } from '#services/rooms/live/live-room.ts'
import type { PartialJoin } from '#store/rooms/partial-rooms.ts'
import type { RoomTurn } from '#services/rooms/live/room-turn.ts'

/** The kind of the job that fetches the members that a join left out; its key is the room. */
export const completeRoomJob = 'complete-room'

type Needs = Pick<Context, 'store' | 'tokens' | 'clock'>

/**
 * Says, before a join is entered, that it leaves members out. It is on disk first, with the job that fetches them: a
 * join that is entered and then forgotten would leave the room without its members for ever.
 */
export async function beginPartial(
  { store, tokens, clock }: Needs,
  turn: RoomTurn,
  join: PartialJoin,
): Promise<LockedRoom> {
  const { nid, roomId } = await turn.settledRoom()
  if (nid === undefined) throw new Error('A room is joined that is not stored')
  const job = { id: tokens.id(16), kind: completeRoomJob, key: roomId, payload: {}, now: clock.now() }
  await store.transaction(async (tx) => {
    await tx.rooms.partial.begin(nid, join)
    await tx.jobs.jobs.addAgain(job)
  })
  await turn.drop()
  return turn.settledRoom()
}

/** The join was not let in after all. */
export async function endPartial({ store }: Needs, turn: RoomTurn, joinEventId: EventId): Promise<void> {
  const { nid } = await turn.settledRoom()
  if (nid === undefined) return
  await store.rooms.partial.delete(nid, joinEventId)
  await turn.drop()
}
