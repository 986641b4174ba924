import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { StateMap } from '#protocol/state-resolution/state-map.ts'
import type { Deviation } from './deviations.ts'
import { resolveV1ByDefinition } from './v1-by-definition.ts'
import { V2Definition } from './v2-by-definition.ts'

export type Room = { version: RoomVersion; events: ReadonlyMap<EventId, Pdu>; rejected: ReadonlySet<EventId> }

/** Resolves states of a room as the specification has it word by word, or with one deviation from it. */
export type Definition = (states: readonly StateMap[], deviation?: Deviation) => StateMap

/** The definition for a room: what it finds out about the room serves all resolutions. */
export function definitionFor(room: Room): Definition {
  const define = (rejected: Room['rejected']): Definition => {
    if (room.version.stateResolution === 'v1')
      return (states, deviation) => resolveV1ByDefinition({ ...room, rejected }, states, deviation)
    const v2 = new V2Definition({ ...room, rejected })
    return (states, deviation) => v2.resolve(states, deviation)
  }
  const [strict, credulous] = [define(room.rejected), define(new Set())]
  return (states, deviation) => (deviation === 'rejected' ? credulous : strict)(states, deviation)
}
