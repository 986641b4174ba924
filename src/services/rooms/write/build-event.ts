import { badJson, tooLarge, forbidden } from '#base/errors.ts'
import { authEventKeys, type EventToEntitle } from '#protocol/auth-rules/auth-events.ts'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import { CanonicalJsonError } from '#protocol/json/canonical-json.ts'
import { chosenEventId, citationOf } from '#protocol/events/event-id.ts'
import { depthAfter, sizedEventViolation } from '#protocol/events/event-limits.ts'
import type { EventReference, JsonObject, Pdu, UnsignedPdu } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import {
  addSignature,
  hashEvent,
  signText,
  type HashedEvent,
  type SignedEvent,
} from '#protocol/events/hash-and-sign.ts'
import type { SigningKey } from '#protocol/events/signing-key.ts'
import type { EventTransaction } from '#store/rooms/events.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { StateEntry } from '#services/rooms/live/state-entry.ts'

/** An event that a user wants to send; the rest of it follows from the room. */
export type EventDraft = {
  type: string
  sender: UserId
  content: JsonObject
  /** Present on state events. */
  stateKey?: string | undefined
  /** The event a redaction is aimed at. */
  redacts?: EventId | undefined
  /** Milliseconds since the epoch; absent: now. */
  originServerTs?: number | undefined
  /** Makes a retried request answer the same event. */
  transaction?: EventTransaction | undefined
}

/** The state that authorizes a draft: the create event, and its auth events. */
export type SelectedAuthEvents = { create: StateEntry | undefined; authEvents: readonly StateEntry[] }

export function selectAuthEvents(room: LiveRoom, draft: EventDraft): SelectedAuthEvents {
  const cited: StateEntry[] = []
  for (const [type, stateKey] of authEventKeys(entitled(draft), room.version)) {
    const entry = room.nextStateEntry(type, stateKey)
    if (entry) cited.push(entry)
  }
  return { create: room.nextStateEntry('m.room.create', ''), authEvents: cited }
}

type Building = { authEvents: SelectedAuthEvents; now: number }

/** Builds an event on the room's forward extremities; they and the auth events must be loaded. */
export function buildEvent(room: LiveRoom, draft: EventDraft, { authEvents, now }: Building): UnsignedPdu {
  refuseUnstorable(draft)
  const { version } = room
  const event: UnsignedPdu = {
    type: draft.type,
    sender: draft.sender as UserId,
    content: version.redactsInContent && draft.redacts ? { ...draft.content, redacts: draft.redacts } : draft.content,
    origin_server_ts: draft.originServerTs ?? now,
    depth: depthAfter([room.depth]),
    ...citations(room, authEvents),
  }
  if (!(version.roomIdIsCreateHash && draft.type === 'm.room.create')) event.room_id = room.roomId
  if (draft.stateKey !== undefined) event.state_key = draft.stateKey
  if (draft.redacts !== undefined && !version.redactsInContent) event.redacts = draft.redacts as EventId
  return event
}

/** Hashes an event, and names it, before it is signed; throws M_BAD_JSON for what canonical JSON cannot hold, M_TOO_LARGE beyond 64 KiB. */
export function hashNewEvent(event: UnsignedPdu, version: RoomVersion, key: SigningKey): HashedEvent {
  try {
    if (version.eventIds === 'chosen-by-origin') event.event_id = chosenEventId(event, key.serverName)
    const hashed = hashEvent(event, version, key)
    const violation = sizedEventViolation(hashed.pdu, hashed.bytes)
    if (violation) throw tooLarge(violation)
    return hashed
  } catch (error) {
    if (!(error instanceof CanonicalJsonError)) throw error
    throw badJson('Numbers in events must be integers in the range of canonical JSON')
  }
}

/** The same, signed at once: for events that are made for other servers. */
export function hashAndSignEvent(event: UnsignedPdu, version: RoomVersion, key: SigningKey): SignedEvent {
  const { text, ...hashed } = hashNewEvent(event, version, key)
  addSignature(hashed.pdu, key, signText(text, key))
  return hashed
}

/** The previous events and the auth events; before room version 3 with their hashes. */
function citations(
  room: LiveRoom,
  { authEvents: cited }: SelectedAuthEvents,
): Pick<UnsignedPdu, 'prev_events' | 'auth_events'> {
  if (room.version.eventFormat !== 'v1')
    return { prev_events: [...room.forwardExtremities], auth_events: cited.map(({ eventId: id }) => id) }
  const cite = (pdu: Pdu | undefined) => {
    if (!pdu) throw new Error('An event to cite is not loaded')
    return citationOf(pdu, room.version) as EventReference
  }
  return {
    prev_events: room.forwardExtremities.map((forwardExtremity) =>
      cite(room.forwardExtremityPdus.get(forwardExtremity)),
    ),
    auth_events: cited.map(({ pdu }) => cite(pdu)),
  }
}

/** Throws M_FORBIDDEN for an event that the auth rules do not allow. */
export function authorizeEvent(
  { version }: LiveRoom,
  { pdu }: Pick<SignedEvent, 'pdu'>,
  { create, authEvents: cited }: SelectedAuthEvents,
): void {
  const entryOf = (type: string, stateKey: string) =>
    type === 'm.room.create' ? create : cited.find((entry) => entry.type === type && entry.stateKey === stateKey)
  const rejection = authorize(pdu, version, (type, stateKey) => entryOf(type, stateKey)?.pdu)
  if (rejection) throw forbidden(rejection.reason)
}

/** PostgreSQL cannot hold U+0000 in a column; inside JSON it is escaped and does no harm. */
function refuseUnstorable({ type, stateKey, transaction }: EventDraft): void {
  if (type.includes('\0') || stateKey?.includes('\0') || transaction?.transactionId.includes('\0'))
    throw badJson('Types, state keys and transaction ids must not contain U+0000')
}

const entitled = ({ type, sender, stateKey, content }: EventDraft): EventToEntitle => {
  const event = { type, sender: sender as UserId, content }
  return stateKey === undefined ? event : { ...event, state_key: stateKey }
}
