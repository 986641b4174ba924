import type { Context } from '#context.ts'
import { authEventIds } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { StoredEvent } from '#store/rooms/events.ts'

type Sent = { events: readonly StoredEvent[]; senders: readonly UserId[] }

/**
 * Of senders whom a room does not know because its members are still to come, the member events that the newest of
 * these events of theirs cite.
 */
export async function citedMembers(
  { store }: Pick<Context, 'store'>,
  room: LiveRoom,
  { events, senders }: Sent,
): Promise<StoredEvent[]> {
  if (!room.isPartial) return []
  const unknown = senders.filter((sender) => !room.entry('m.room.member', sender))
  const newest = unknown.flatMap((sender) => events.findLast((event) => event.sender === sender)?.eventId ?? [])
  if (newest.length === 0) return []
  const sent = await store.rooms.events.findMany(newest)
  const cited = sent.flatMap((event) => authEventIds(storedPdu(event, room), room.version))
  const wanted = new Set<string | null>(unknown)
  return (await store.rooms.events.findMany([...new Set(cited)])).filter(
    ({ type, stateKey, status }) => type === 'm.room.member' && wanted.has(stateKey) && status !== 'rejected',
  )
}
