import { readdirSync, readFileSync } from 'node:fs'
import { eventId } from '#protocol/events/event-id.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { stateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'
import type { Deviation } from './deviations.ts'
import type { Room } from './resolve-by-definition.ts'

/** A meeting of states of some room, and what another implementation resolved it to. */
export type KeptHistory = {
  /** Who resolved otherwise would have gone this way; absent where it was ourselves. */
  shows?: Deviation
  version: string
  /** Those that some event is cited by come before it. */
  events: Pdu[]
  rejected: EventId[]
  /** The ids of the events in each of the states. */
  sets: EventId[][]
  /** What the other implementation made of them. */
  resolved: EventId[]
  /** What we make of them, where we differ on purpose. */
  ours?: EventId[]
}

export type Unresolved = Omit<KeptHistory, 'resolved'>

const folder = new URL('./histories/', import.meta.url)

export const fileOf = (name: string): URL => new URL(`${name}.json`, folder)

/** The histories that are kept, by name. */
export function keptHistories(): [name: string, history: KeptHistory][] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return names.sort().map((name) => {
    const text = readFileSync(new URL(name, folder), 'utf8')
    return [name.replace('.json', ''), JSON.parse(text) as KeptHistory]
  })
}

/** The room of a history as far as resolution asks about it. */
export function roomOf({ version: versionId, events, rejected }: Unresolved): Room {
  const version = roomVersion(versionId)!
  return { version, events: new Map(events.map((pdu) => [eventId(pdu, version), pdu])), rejected: new Set(rejected) }
}

/** The state that some events of a room make up. */
export function stateOf({ events }: Room, ids: readonly EventId[]): StateMap {
  return new Map(
    ids.map((id) => {
      const { type, state_key: key } = events.get(id)!
      return [stateKey(type, key!), id]
    }),
  )
}
