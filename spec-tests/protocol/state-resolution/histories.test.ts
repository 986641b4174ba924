import assert from 'node:assert/strict'
import { authEventIds, prevEventIds, type Pdu } from '#protocol/event.ts'
import { eventId } from '#protocol/event-id.ts'
import type { EventId } from '#protocol/ids.ts'
import { roomVersions } from '#protocol/room-version.ts'
import { stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import { forgeStates } from '../../support/forged-states.ts'
import { generateHistory } from '../../support/history-generator.ts'
import { RoomReplay, type Merge } from '../../support/room-replay.ts'
import type { ScriptedRoom } from '../../support/scripted-room.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { resolveByDefinition } from './resolve-by-definition.ts'

const perRoom = 250
/** How many events over all room versions; the weekly run raises it. */
const total = Number(process.env.HISTORY_EVENTS ?? 6000)
const firstSeed = Number(process.env.HISTORY_SEED ?? 1)
const roomsPerVersion = Math.max(1, Math.round(total / perRoom / roomVersions.length))

for (const version of roomVersions) {
  describe(`state resolution of hostile histories in room version ${version.id}`, () => {
    for (let seed = firstSeed; seed < firstSeed + roomsPerVersion; seed++) {
      it(`holds its invariants over history ${seed}`, () => {
        const { room, heads } = generateHistory({ version, seed, events: perRoom, hostility: (seed % 4) / 8 })
        const random = new SeededRandom(seed)

        assertArrivalDoesNotMatter(room, heads, random)
        for (const merge of room.replay.merges.values()) assertSound(room.replay, merge)
        const met = random.shuffled(room.replay.merges.values()).slice(0, 12)
        for (const merge of [...met, ...claimedMerges(room, random)]) {
          assertOrderDoesNotMatter(room.replay, merge, random)
          assertRejectedDoNotMatter(room.replay, merge, random)
          assertAsDefined(room.replay, merge)
        }
      })
    }
  })
}

describe('generated histories', () => {
  const version = roomVersions.at(-1)!

  it('are the same for the same seed, and others for another', () => {
    const ids = (seed: number) => generateHistory({ version, seed, events: 100 }).room.order

    assert.deepEqual(ids(5), ids(5))
    assert.notDeepEqual(ids(5), ids(6))
  })

  it('fork, contain rejected events and name events by their content', () => {
    for (const each of roomVersions) {
      const { room } = generateHistory({ version: each, seed: 2, events: 300 })
      assert.ok(room.replay.merges.size > 10)
      assert.ok(room.replay.rejected.size > 0)
      for (const [id, pdu] of room.replay.events) assert.equal(eventId(pdu, each), id)
    }
  })

  it('are signed when asked to be', () => {
    const { room } = generateHistory({ version, seed: 2, events: 50, signed: true })
    for (const pdu of room.replay.events.values()) assert.equal(Object.keys(pdu.signatures).length, 1)
  })
})

/** States that no honest server would claim, and what they resolve to. */
function claimedMerges(room: ScriptedRoom, random: SeededRandom): Merge[] {
  return Array.from({ length: 8 }, () => {
    const sets = forgeStates(room, random)
    return { sets, resolved: room.replay.resolve(sets) }
  })
}

/** The same events give the same states and rejections, in whatever order they and their states come. */
function assertArrivalDoesNotMatter(room: ScriptedRoom, heads: readonly EventId[], random: SeededRandom): void {
  const other = new RoomReplay(room.version)
  for (const id of arrivalOrder(room, random)) other.add(id, room.replay.events.get(id)!)

  assert.deepEqual([...other.rejected].toSorted(), [...room.replay.rejected].toSorted())
  for (const id of room.order) assert.deepEqual(other.stateAfter.get(id), room.replay.stateAfter.get(id))
  assert.deepEqual(other.stateBefore(random.shuffled(heads)), room.replay.stateBefore(heads))
}

/** The events in another order in which each comes after all that it cites. */
function arrivalOrder({ order, replay, version }: ScriptedRoom, random: SeededRandom): EventId[] {
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
function assertSound(replay: RoomReplay, { sets, resolved }: Merge): void {
  for (const [place, id] of resolved) {
    const pdu = replay.events.get(id)!
    assert.equal(stateKey(pdu.type, pdu.state_key!), place)
    assert.ok(!replay.rejected.has(id))
    assert.ok(replay.passes(pdu, citedState(replay, pdu)))
  }
  for (const [place, id] of sets[0]!) {
    if (sets.every((set) => set.get(place) === id)) assert.equal(resolved.get(place), id)
  }
}

function citedState({ events, version }: RoomReplay, pdu: Pdu): Map<StateKey, EventId> {
  const cited = authEventIds(pdu, version).map((id) => [events.get(id)!, id] as const)
  const state = new Map(cited.map(([{ type, state_key: key }, id]) => [stateKey(type, key!), id]))
  if (version.roomIdIsCreateHash && pdu.room_id) state.set(stateKey('m.room.create', ''), `$${pdu.room_id.slice(1)}`)
  return state
}

/** Neither the order of the states nor their number of times counts, and a state alone is its own resolution. */
function assertOrderDoesNotMatter(replay: RoomReplay, { sets, resolved }: Merge, random: SeededRandom): void {
  assert.deepEqual(replay.resolve(random.shuffled(sets)), resolved)
  assert.deepEqual(replay.resolve(random.shuffled([...sets, random.pick(sets)])), resolved)
  const sole = random.pick(sets)
  assert.deepEqual(replay.resolve([sole]), sole)
  assert.deepEqual(replay.resolve([sole, new Map(sole)]), sole)
}

/** A rejected event that a state is said to hold counts as a place left empty. */
function assertRejectedDoNotMatter(replay: RoomReplay, { sets }: Merge, random: SeededRandom): void {
  const rejected = [...replay.rejected].filter((id) => replay.events.get(id)!.state_key !== undefined)
  if (rejected.length === 0) return
  const poisoned = sets.map((set) => new Map(set))
  const emptied = sets.map((set) => new Map(set))
  for (let count = 0; count < 4; count++) {
    const id = random.pick(rejected)
    const { type, state_key: key } = replay.events.get(id)!
    const target = random.below(sets.length)
    poisoned[target]!.set(stateKey(type, key!), id)
    emptied[target]!.delete(stateKey(type, key!))
  }
  assert.deepEqual(replay.resolve(poisoned), replay.resolve(emptied))
}

/** The result is what the definitions of the specification give, taken word by word. */
function assertAsDefined(replay: RoomReplay, { sets, resolved }: Merge): void {
  if (replay.version.stateResolution === 'v1') return
  assert.deepEqual(resolved, resolveByDefinition(replay, sets))
}
