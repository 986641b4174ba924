import assert from 'node:assert/strict'
import { authEventIds, prevEventIds, type Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { resolveState } from '#protocol/state-resolution/resolve.ts'
import { stateKey } from '#protocol/state-resolution/state-map.ts'
import { AuthGraph } from '#services/rooms/state/auth-graph.ts'
import { authEventIdsWithCreate } from '#services/rooms/events/describe-event.ts'
import { isEntitled } from '../../support/rooms/entitled.ts'
import { poison } from '../../support/federation/forged-states.ts'
import { RoomReplay, type Merge } from '../../support/federation/room-replay.ts'
import type { TestRoom } from '../../support/generators/test-room.ts'
import type { SeededRandom } from '../../support/generators/seeded-random.ts'
import type { Definition } from './resolve-by-definition.ts'

/**
 * The same events give the same states and rejections in whatever order they come. What a server tells of its heads on
 * the way, knowing only part of the room, is what one says of them that knows it all.
 */
export function assertArrivalDoesNotMatter(
  room: TestRoom,
  forwardExtremities: readonly EventId[],
  random: SeededRandom,
): void {
  const other = new RoomReplay(room.version)
  const known = new Set<EventId>()
  for (const id of arrivalOrder(room, random)) {
    const pdu = room.replay.events.get(id)!
    other.add(id, pdu)
    if (other.rejected.has(id)) continue
    for (const prev of prevEventIds(pdu, room.version)) known.delete(prev)
    known.add(id)
    if (random.chance(0.02)) assert.deepEqual(other.stateBefore([...known]), room.replay.stateBefore([...known]))
  }
  assert.deepEqual([...other.rejected].toSorted(), [...room.replay.rejected].toSorted())
  for (const id of room.order) assert.deepEqual(other.stateAfter.get(id), room.replay.stateAfter.get(id))
  assert.deepEqual(other.stateBefore(random.shuffled(forwardExtremities)), room.replay.stateBefore(forwardExtremities))
}

/** The events in another order in which each comes after all that it cites. */
function arrivalOrder({ order, replay, version }: TestRoom, random: SeededRandom): EventId[] {
  const arrived = new Set<EventId>()
  const entering = random.shuffled(order)
  const cited = (pdu: Pdu) => [...prevEventIds(pdu, version), ...authEventIds(pdu, version)]
  for (let id = entering.at(-1); id !== undefined; id = entering.at(-1)) {
    const lacking = cited(replay.events.get(id)!).filter((each) => !arrived.has(each))
    if (lacking.length > 0) entering.push(...random.shuffled(lacking))
    else arrived.add(entering.pop()!)
  }
  return [...arrived]
}

/** What was resolved is made of accepted events in their own places, each entitled by its own auth events. */
export function assertSound(replay: RoomReplay, { sets, resolved }: Merge): void {
  for (const [place, id] of resolved) {
    const pdu = replay.events.get(id)!
    assert.equal(stateKey(pdu.type, pdu.state_key!), place)
    assert.ok(!replay.rejected.has(id))
    assert.ok(isEntitled(replay, pdu))
  }
  for (const [place, id] of sets[0]!) {
    if (sets.every((set) => set.get(place) === id)) assert.equal(resolved.get(place), id)
  }
}

/** Neither the order of the states nor their number of times counts, and a state alone is its own resolution. */
export function assertOrderDoesNotMatter(replay: RoomReplay, { sets, resolved }: Merge, random: SeededRandom): void {
  assert.deepEqual(replay.resolve(random.shuffled(sets)), resolved)
  assert.deepEqual(replay.resolve(random.shuffled([...sets, random.pick(sets)])), resolved)
  const sole = random.pick(sets)
  assert.deepEqual(replay.resolve([sole]), sole)
  assert.deepEqual(replay.resolve([sole, new Map(sole)]), sole)
}

/** A rejected event that a state is said to hold counts as a place left empty, and nobody looks at it. */
export function assertRejectedDoNotMatter(room: TestRoom, { sets }: Merge, random: SeededRandom): void {
  const states = poison(room, sets, random)
  if (!states) return
  const { version, events, rejected } = room.replay
  const { state } = resolveState({
    version,
    sets: states.poisoned,
    event: (id) => (rejected.has(id) ? assert.fail('A rejected event is read') : events.get(id)),
    isRejected: (id) => rejected.has(id),
  })
  assert.deepEqual(state, room.replay.resolve(states.emptied))
}

/** What the rooms' auth index holds of a room: its accepted state events. */
export function indexOf({ order, replay, version }: TestRoom): AuthGraph {
  const graph = new AuthGraph()
  const nids = new Map(order.map((eventId, index) => [eventId, index + 1]))
  for (const [eventId, nid] of nids) {
    const pdu = replay.events.get(eventId)!
    if (pdu.state_key === undefined || replay.rejected.has(eventId)) continue
    const auth = authEventIdsWithCreate(pdu, version).map((id) => nids.get(id)!)
    graph.add({ nid, position: nid, eventId, type: pdu.type, stateKey: pdu.state_key, auth })
  }
  return graph
}

/** A server that asks an index for what rests on what, and never saw a rejected event, resolves the same. */
export function assertServerDoesNotMatter(replay: RoomReplay, index: AuthGraph, { sets, resolved }: Merge): void {
  const { version, events, rejected } = replay
  const [first, ...others] = sets
  const agreed = new Map([...first!].filter(([place, id]) => others.every((set) => set.get(place) === id)))
  const starts = sets.map((set) => [...set].flatMap(([place, id]) => (agreed.has(place) ? [] : id)))
  const { state } = resolveState({
    version,
    sets,
    authDifference: index.difference(starts, agreed.values()),
    event: (id) => (rejected.has(id) ? undefined : events.get(id)),
    isRejected: () => false,
    authEventsOf: (id) => index.authEventsOf(id),
    placeOf: (id) => index.placeOf(id),
  })
  assert.deepEqual(state, resolved)
}

/** The result is what the definitions of the specification give, taken word by word. */
export function assertAsDefined(definition: Definition, { sets, resolved }: Merge): void {
  assert.deepEqual(definition(sets), resolved)
}
