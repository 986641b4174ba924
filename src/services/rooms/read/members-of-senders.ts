import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { EventLoader } from '#services/rooms/events/event-loader.ts'
import { citedMembers } from './cited-members.ts'
import type { Reading } from './open-reading.ts'
import { nidOf } from './history-intervals.ts'
import { stateMoment } from './state-moment.ts'
import { stateAtPosition } from '#services/rooms/state/state-at-position.ts'

const member = 'm.room.member'

/** The member events of those who sent some events, as they stood at the newest of them. */
export async function membersOfSenders(
  { store }: Pick<Context, 'store'>,
  { room }: Reading,
  events: readonly StoredEvent[],
): Promise<StoredEvent[]> {
  if (events.length === 0) return []
  const senders = [...new Set(events.map(({ sender }) => sender))]
  const newest = events.reduce((one, other) => (other.position > one.position ? other : one))
  const position = await stateMoment({ store }, room, newest)
  const entries = senders.flatMap((sender) => room.entry(member, sender) ?? [])
  // Where branches met, a sender may have no membership any more.
  const gone = senders.filter((sender) => !room.entry(member, sender))
  const [known, replaced, cited] = await Promise.all([
    stateAtPosition({ store, loader: new EventLoader({ store }) }, room, { position, entries }),
    Promise.all(gone.map((sender) => store.rooms.state.eventAt(nidOf(room), [member, sender], position))),
    citedMembers({ store }, room, { events, senders }),
  ])
  return [...known, ...replaced.filter((event) => event !== undefined), ...cited]
}
