import type { Context } from '#context.ts'
import type { EventId, ServerName } from '#protocol/ids.ts'
import type { LockedRoom } from '#services/rooms/live/live-room.ts'
import type { RoomTurn } from '#services/rooms/live/room-turn.ts'

/** The kind of the job that fetches the members that a join left out; its key is the room. */
export const completeRoomJob = 'complete-room'

type Needs = Pick<Context, 'store' | 'tokens' | 'clock'>

/**
 * Says, before a join is entered, whether it leaves members out. It is on disk first, with the job that fetches them: a
 * join that is entered and then forgotten would leave the room without its members for ever.
 */
export async function beginPartial(
  { store, tokens, clock }: Needs,
  turn: RoomTurn,
  { joinEventId, servers }: { joinEventId: EventId; servers: readonly ServerName[] | undefined },
): Promise<LockedRoom> {
  const room = await turn.settledRoom()
  const { nid, roomId } = room
  if (nid === undefined || (!servers && !room.partial)) return room
  await store.transaction(async (tx) => {
    if (!servers) return tx.rooms.partial.delete(nid)
    await tx.rooms.partial.begin(nid, { joinEventId, servers })
    await tx.jobs.jobs.addAgain({
      id: tokens.id(16),
      kind: completeRoomJob,
      key: roomId,
      payload: {},
      now: clock.now(),
    })
  })
  await turn.drop()
  return turn.settledRoom()
}

/** The join was not let in after all. */
export async function endPartial({ store }: Needs, turn: RoomTurn): Promise<void> {
  const { nid } = await turn.settledRoom()
  if (nid === undefined) return
  await store.rooms.partial.delete(nid)
  await turn.drop()
}
