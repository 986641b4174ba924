import type { Pdu, JsonValue } from '#protocol/events/event.ts'
import type { EventId, RoomId, ServerName } from '#protocol/ids.ts'
import type { AppendNeeds } from '#services/rooms/write/append.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { ReceiveResult } from './receive-result.ts'
import type { EventChecker, VerifyAside } from './checked-event.ts'
import type { FindKey } from '#services/remote/server-key.ts'
import type { ServerAcls } from '#services/federation/server-acls.ts'

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
  /** The ids of the state before an event, and of the auth chain of that state. */
  fetchStateIds(
    source: Source,
    eventId: EventId,
  ): Promise<{ state: readonly EventId[]; authChain: readonly EventId[] } | undefined>
  /** The events of the state before an event, and of the auth chain of that state. */
  fetchState(source: Source, eventId: EventId): Promise<readonly JsonValue[]>
}

/** Whether the room's Policy Server, if it uses one, recommends the event. The room waits meanwhile: it must not take long. */
export type AskPolicy = (room: LiveRoom, event: { pdu: Pdu; eventId: EventId }) => Promise<boolean>

export type ReceiveNeeds = AppendNeeds & {
  findKey: FindKey
  missingEvents: MissingEvents
  serverAcls: ServerAcls
  /** Absent: everything is checked on the main thread. */
  checkThreads?: EventChecker
  /** Absent: signatures are verified one by one. */
  verifyAside?: VerifyAside
  /** Absent: no room is taken to use a Policy Server. */
  askPolicy?: AskPolicy
}

export type { ReceiveResult }
