import assert from 'node:assert/strict'
import { eventId } from '#protocol/events/event-id.ts'
import { roomVersions, type RoomVersion } from '#protocol/rooms/room-version.ts'
import { forgeStates } from '../../support/federation/forged-states.ts'
import { generateHistory } from '../../support/generators/history-generator.ts'
import type { Merge } from '../../support/federation/room-replay.ts'
import type { TestRoom } from '../../support/generators/test-room.ts'
import { SeededRandom } from '../../support/generators/seeded-random.ts'
import {
  assertArrivalDoesNotMatter,
  assertAsDefined,
  assertOrderDoesNotMatter,
  assertRejectedDoNotMatter,
  assertServerDoesNotMatter,
  assertSound,
  indexOf,
} from './invariants.ts'
import { definitionFor } from './resolve-by-definition.ts'

const perRoom = 250
/** How many events over all room versions. */
const total = Number(process.env.HISTORY_EVENTS ?? 10_000)
const firstSeed = Number(process.env.HISTORY_SEED ?? 1)
const roomsPerVersion = Math.ceil(total / perRoom / roomVersions.length)
const roomsAtOnce = 10

for (const version of roomVersions) {
  describe(`state resolution of hostile histories in room version ${version.id}`, () => {
    const end = firstSeed + roomsPerVersion
    for (let start = firstSeed; start < end; start += roomsAtOnce) {
      const last = Math.min(start + roomsAtOnce, end) - 1
      it(`holds its invariants over histories ${start} to ${last}`, () => {
        for (let seed = start; seed <= last; seed++) assertHolds(version, seed)
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

function assertHolds(version: RoomVersion, seed: number): void {
  const { room, forwardExtremities } = generateHistory({ version, seed, events: perRoom, hostility: (seed % 4) / 8 })
  const { replay } = room
  const random = new SeededRandom(seed)
  const definition = definitionFor(replay)
  const index = indexOf(room)
  try {
    for (const merge of replay.merges.values()) assertSound(replay, merge)
    const met = random.shuffled(replay.merges.values()).slice(0, 12)
    assertArrivalDoesNotMatter(room, forwardExtremities, random)
    for (const merge of [...met, ...claimedMerges(room, random)]) {
      assertOrderDoesNotMatter(replay, merge, random)
      assertRejectedDoNotMatter(room, merge, random)
      assertServerDoesNotMatter(replay, index, merge)
      assertAsDefined(definition, merge)
    }
  } catch (error) {
    throw new Error(`History ${seed} of room version ${version.id} breaks an invariant`, { cause: error })
  }
}

/** States that no honest server would claim, and what they resolve to. */
function claimedMerges(room: TestRoom, random: SeededRandom): Merge[] {
  return Array.from({ length: 8 }, () => {
    const sets = forgeStates(room, random)
    return { sets, resolved: room.replay.resolve(sets) }
  })
}
