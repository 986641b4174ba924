import { eventId } from '#protocol/events/event-id.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { authEventKeys } from './auth-events.ts'
import { allowed, stateFrom, type AuthState, type Rejection } from './rejection.ts'
import { authEventsRule, chapter } from './rule-numbers.ts'

/** The events an event cites for itself. */
export type CitedEvents = {
  authEvents: readonly Pdu[]
  /** Whether an auth event was itself rejected. */
  isRejected(event: Pdu): boolean
  /** From room version 12, where it is not cited: the room's create event, if one was accepted. */
  create?: Pdu
}

/** Rules 2 and 3 (2 up to version 11): whether the event cites what it must and nothing else. */
export function checkAuthEvents(event: Pdu, version: RoomVersion, cited: CitedEvents): Rejection | undefined {
  if (event.type === 'm.room.create') return allowed
  // 2
  if (version.roomIdIsCreateHash && !isCreateOf(event, version, cited))
    return { rule: chapter('room', version), reason: 'The room id is not that of an accepted create event' }
  return checkEntries(event, version, cited)
}

/** The state that the cited events describe, against which `authorize` judges the event first. */
export function stateOfAuthEvents({ authEvents, create }: CitedEvents): AuthState {
  return stateFrom(create ? [create, ...authEvents] : authEvents)
}

function checkEntries(event: Pdu, version: RoomVersion, cited: CitedEvents): Rejection | undefined {
  const { authEvents } = cited
  const reject = (name: Parameters<typeof authEventsRule>[0], reason: string) => ({
    rule: authEventsRule(name, version),
    reason,
  })
  const expected = new Set(authEventKeys(event, version).map(([type, stateKey]) => placeOf(type, stateKey)))
  const places = authEvents.map(({ type, state_key: stateKey }) => placeOf(type, stateKey))
  // 3.1
  if (new Set(places).size < places.length)
    return reject('duplicate', 'Two auth events have the same type and state key')
  // 3.2
  if (!places.every((place) => expected.has(place))) return reject('unexpected', 'An auth event has no say in this')
  // 3.3
  if (authEvents.some((authEvent) => cited.isRejected(authEvent)))
    return reject('rejected', 'An auth event was rejected')
  // 2.4 up to version 11
  if (!version.roomIdIsCreateHash && !places.includes(placeOf('m.room.create', '')))
    return reject('create', 'The create event is not among the auth events')
  // 3.4 (2.5 up to version 11)
  if (authEvents.some((authEvent) => authEvent.room_id !== event.room_id))
    return reject('otherRoom', 'An auth event belongs to another room')
  return allowed
}

function isCreateOf(event: Pdu, version: RoomVersion, { create, isRejected }: CitedEvents): boolean {
  if (create?.type !== 'm.room.create' || isRejected(create)) return false
  return event.room_id?.slice(1) === eventId(create, version).slice(1)
}

function placeOf(type: string, stateKey: string | undefined): string {
  return JSON.stringify([type, stateKey ?? null])
}
