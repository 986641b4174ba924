import { authorize } from '#protocol/auth-rules/authorize.ts'
import { authEventIds, type Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'

type Room = { version: RoomVersion; events: ReadonlyMap<EventId, Pdu> }

/** The state that the auth events of an event make up, with the create event that the room id implies. */
export function citedState({ version, events }: Room, pdu: Pdu): Map<StateKey, EventId> {
  const state = new Map<StateKey, EventId>()
  for (const id of authEventIds(pdu, version)) {
    const auth = events.get(id)
    if (auth?.state_key !== undefined) state.set(stateKey(auth.type, auth.state_key), id)
  }
  if (version.roomIdIsCreateHash && pdu.room_id !== undefined)
    state.set(stateKey('m.room.create', ''), `$${pdu.room_id.slice(1)}`)
  return state
}

/** Whether an event passes the auth rules against the auth events it cites. */
export function isEntitled(room: Room, pdu: Pdu): boolean {
  const state = citedState(room, pdu)
  const entry = (type: string, key: string) => room.events.get(state.get(stateKey(type, key)) ?? '$')
  return authorize(pdu, room.version, entry) === undefined
}
