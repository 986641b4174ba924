import { hash } from 'node:crypto'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { splitStateKey, stateKey, type StateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'
import type { Deviation } from './deviations.ts'

type Room = { version: RoomVersion; events: ReadonlyMap<EventId, Pdu>; rejected: ReadonlySet<EventId> }

/** State resolution of room version 1 as the specification defines it, pass by pass. */
export function resolveV1ByDefinition(room: Room, states: readonly StateMap[], deviation?: Deviation): StateMap {
  const { version, events, rejected } = room
  const sets = states.map((set) => [...set].filter(([, id]) => !rejected.has(id)))
  const contenders = new Map<StateKey, Set<EventId>>()
  for (const [place, id] of sets.flat()) contenders.set(place, (contenders.get(place) ?? new Set()).add(id))
  const state = new Map<StateKey, EventId>()
  const conflicts = new Map<StateKey, EventId[]>()
  for (const [place, ids] of contenders)
    if (ids.size === 1) state.set(place, [...ids][0]!)
    else conflicts.set(place, inOrder(ids))

  const passes = ['m.room.power_levels', 'm.room.join_rules', 'm.room.member']
  for (const pass of passes) {
    const places = [...conflicts.keys()].filter((place) => splitStateKey(place)[0] === pass && isOfPass(place))
    enter(places.map((place) => [place, lastAllowed(place)]))
  }
  enter([...conflicts.keys()].map((place) => [place, deepestAllowed(place)]))
  return state

  function enter(winners: [StateKey, EventId | undefined][]): void {
    for (const [place, winner] of winners) {
      conflicts.delete(place)
      if (winner !== undefined) state.set(place, winner)
    }
  }

  function inOrder(ids: Iterable<EventId>): EventId[] {
    const [depth, digest] = [deviation === 'v1 depth' ? -1 : 1, deviation === 'v1 digest' ? -1 : 1]
    return [...ids].sort(
      (x, y) =>
        depth * (events.get(x)!.depth - events.get(y)!.depth) || digest * (hash('sha1', x) < hash('sha1', y) ? 1 : -1),
    )
  }

  function lastAllowed(place: StateKey): EventId {
    const [first, ...others] = conflicts.get(place)!
    const so = new Map(state).set(place, first!)
    for (const next of others)
      if (isAllowed(next, so)) so.set(place, next)
      else if (deviation !== 'v1 stop') break
    return so.get(place)!
  }

  /** The text leaves open what happens where none passes: the least deep one stays, as with servers in use. */
  function deepestAllowed(place: StateKey): EventId | undefined {
    const ids = conflicts.get(place)!
    return ids.findLast((id) => isAllowed(id, state)) ?? (deviation === 'v1 none allowed' ? undefined : ids[0])
  }

  function isAllowed(id: EventId, so: StateMap): boolean {
    const entry = (type: string, key: string) => events.get(so.get(stateKey(type, key)) ?? '$')
    return authorize(events.get(id)!, version, entry) === undefined
  }
}

/** Power levels count only under the empty key. */
const isOfPass = (place: StateKey): boolean => {
  const [type, key] = splitStateKey(place)
  return type !== 'm.room.power_levels' || key === ''
}
