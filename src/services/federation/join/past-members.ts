import { inSlicesWithPauses } from '#base/in-slices.ts'
import type { Context } from '#context.ts'
import { serverOf, type EventId, type UserId } from '#protocol/ids.ts'
import { membershipsOf } from '#services/rooms/events/describe-event.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { MembershipChange, PastMember } from '#store/rooms/room-write.ts'

type Needs = Pick<Context, 'store' | 'config'>

/** So many members are read and written at once. */
const sliceSize = 500

/** A membership that a state holds. */
export type StateMember = MembershipChange & { eventId: EventId; position: number }

/** The members among the events of a state, in slices; those that were rejected are none. */
export async function* memberSlices(
  { store }: Needs,
  room: LiveRoom,
  ids: readonly EventId[],
): AsyncGenerator<StateMember[]> {
  for await (const slice of inSlicesWithPauses(ids, sliceSize)) {
    const members = new Map<UserId, StateMember>()
    for (const event of await store.rooms.events.findMany(slice)) {
      if (event.roomNid !== room.nid || event.status === 'rejected' || event.type !== 'm.room.member') continue
      const { eventId, position } = event
      for (const change of membershipsOf(storedPdu(event, room)))
        members.set(change.userId, { ...change, eventId, position })
    }
    yield [...members.values()]
  }
}

/** Of these members those that the room lacks at a position, and until when each of them counts. */
export async function pastMembers(
  { store, config }: Needs,
  room: LiveRoom,
  { members, position }: { members: readonly StateMember[]; position: number },
): Promise<PastMember[]> {
  const nid = room.nid ?? 0
  const userIds = members.map(({ userId }) => userId)
  const known = await store.rooms.partial.knownMembers(nid, userIds, position)
  const entries: PastMember[] = []
  for (const member of members) {
    const { isCovered = false, nextFrom } = known.get(member.userId) ?? {}
    if (isCovered) continue
    // An invite that was made from outside since then is newer.
    const own = serverOf(member.userId) === config.server_name && (await store.rooms.members.find(nid, member.userId))
    const to = own && own.position > position ? (nextFrom ?? own.position) : nextFrom
    entries.push({ ...member, to })
  }
  return entries
}
