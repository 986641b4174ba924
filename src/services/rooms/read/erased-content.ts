import type { Context } from '#context.ts'
import type { Pdu } from '#protocol/events/event.ts'
import { redact } from '#protocol/events/redaction.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { membershipIntervals, valueAt } from './history-intervals.ts'
import { firstOf, type Reader } from './readable.ts'

type Needs = Pick<Context, 'store' | 'erasedUsers'>

/** As much of an event as decides whether a reader gets it redacted. */
export type Erasable = Pick<StoredEvent, 'sender' | 'position' | 'type' | 'stateKey'>

/** Whether an event is to be redacted for the reader. */
export type IsErased = (event: Erasable) => boolean

const nothingErased: IsErased = () => false

/**
 * Which of some events the reader gets only redacted, because their sender is erased and the reader was not in the room.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate
 * NOTSPEC: not who joined before the erasure keeps the events, but who was joined when they were sent, as Synapse has it.
 * NOTSPEC: of state only the user's own memberships are redacted. The rest is the room's: without `m.room.encryption`,
 * say, whoever comes later would send in the clear.
 */
export async function erasedFor(
  { erasedUsers, store }: Needs,
  { room, userId }: Pick<Reader, 'room' | 'userId'>,
  events: readonly Erasable[],
): Promise<IsErased> {
  const erased = await erasedUsers.all()
  if (erased.size === 0) return nothingErased
  const isTheirs = ({ sender, type, stateKey }: Erasable): boolean =>
    erased.has(sender) && (stateKey === null || (type === 'm.room.member' && stateKey === sender))
  const theirs = events.filter(isTheirs)
  if (theirs.length === 0) return nothingErased
  const memberships = await membershipIntervals({ store }, room, { userId, since: firstOf(theirs) })
  return (event) => isTheirs(event) && valueAt(memberships, event.position) !== 'join'
}

/** The event as a redaction would leave it; but what it redacts itself stays, or clients would undo that. */
export function withoutContent(event: StoredEvent, version: RoomVersion): StoredEvent {
  const { redacts, ...pdu } = JSON.parse(event.clientJson) as Pdu
  const kept = redact(pdu as Pdu, version)
  return { ...event, clientJson: JSON.stringify(redacts === undefined ? kept : { ...kept, redacts }) }
}
