import type { Pdu, JsonValue } from '#protocol/event.ts'
import type { EventId, RoomId, ServerName } from '#protocol/ids.ts'
import type { VerifyKey } from '#protocol/signing-key.ts'
import type { AppendNeeds } from '#services/rooms/append-needs.ts'
import type { RoomLine } from '#services/rooms/room-line.ts'

/** A server's key, and until when (milliseconds since the epoch) the server stands by it. */
export type ServerKey = VerifyKey & { validUntil: number }

/** Finds the key under which a server signs; undefined where it cannot be had. */
export type FindKey = (server: ServerName, keyId: string) => Promise<ServerKey | undefined>

/** Whom to ask about which room. */
export type Source = { origin: ServerName; roomId: RoomId }

/**
 * Asks another server for what is missing here. Answers hold what could be had, in any order, unchecked; where nothing
 * could be had they are empty. They never throw for what the other server does.
 */
export type MissingEvents = {
  /** The events of these ids. */
  fetchEvents(source: Source, ids: readonly EventId[]): Promise<readonly JsonValue[]>
  /** What lies between the events we have and those we were given, walking back from the latter. */
  fetchMissing(
    source: Source,
    between: { earliest: readonly EventId[]; latest: readonly EventId[]; limit: number },
  ): Promise<readonly JsonValue[]>
  /** The ids of the state before an event, and of all that this state rests on. */
  fetchStateIds(
    source: Source,
    eventId: EventId,
  ): Promise<{ state: readonly EventId[]; authChain: readonly EventId[] } | undefined>
}

/** Whether the room's Policy Server, if it uses one, recommends the event. */
export type AskPolicy = (line: RoomLine, event: { pdu: Pdu; eventId: EventId }) => Promise<boolean>

export type ReceiveNeeds = AppendNeeds & {
  findKey: FindKey
  missingEvents: MissingEvents
  /** Absent: no room is taken to use a Policy Server. */
  askPolicy?: AskPolicy
}

/** An event whose form, signatures and hash are checked; redacted where the hash was wrong. */
export type CheckedEvent = { pdu: Pdu; eventId: EventId }

/**
 * What became of an event. `known`: it was here before. `dropped`: it is none, or not who it claims to be from; nothing
 * is kept. `unresolved`: what it rests on or follows could not be had; nothing is kept, and it may be sent again.
 */
export type Receipt = {
  eventId: EventId | undefined
  outcome: 'accepted' | 'soft-failed' | 'rejected' | 'known' | 'dropped' | 'unresolved'
  reason?: string
}
