import { pipeline } from 'node:stream/promises'
import { authEventIds } from '#protocol/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/room-version.ts'
import { stateKey } from '#protocol/state-resolution/state-map.ts'
import { forgeStates } from '../support/forged-states.ts'
import { generateHistory } from '../support/history-generator.ts'
import type { ScriptedRoom } from '../support/scripted-room.ts'
import { SeededRandom } from '../support/seeded-random.ts'

/** How many times for each room we resolve states that no honest server would claim. */
const forgedPerRoom = 100

/**
 * Writes generated rooms as JSON lines, with how we resolved each meeting of states in them.
 * Usage: node export-rooms.ts ROOM_VERSION ROOMS EVENTS_PER_ROOM [FIRST_SEED]
 */
const [versionId = '10', rooms = '10', events = '1000', firstSeed = '1'] = process.argv.slice(2)
const version = roomVersion(versionId)
if (version === undefined) throw new Error(`Unknown room version ${versionId}`)

function* lines() {
  for (let seed = Number(firstSeed); seed < Number(firstSeed) + Number(rooms); seed++) {
    const { room } = generateHistory({ version: version!, seed, events: Number(events), hostility: (seed % 5) / 10 })
    yield `${JSON.stringify(describeRoom(room, seed))}\n`
  }
}

function describeRoom(room: ScriptedRoom, seed: number) {
  const { events, rejected, merges } = room.replay
  const random = new SeededRandom(seed)
  const forged = Array.from({ length: forgedPerRoom }, () => forgeStates(room, random))
  const claimed = forged.map((sets) => ({ sets, resolved: room.replay.resolve(sets) }))
  return {
    version: room.version.id,
    seed,
    room_id: room.roomId,
    events: room.order.map((id) => ({ id, pdu: events.get(id), allowed: isEntitled(room, id) })),
    rejected: [...rejected],
    merges: [...merges.values(), ...claimed].map(({ sets, resolved }) => ({
      sets: sets.map((set) => [...set.values()]),
      resolved: [...resolved.values()],
    })),
  }
}

/** Whether the event passes the auth rules against the auth events it cites. */
function isEntitled(room: ScriptedRoom, id: EventId): boolean {
  const { events, version } = room.replay
  const pdu = events.get(id)!
  const cited = authEventIds(pdu, version).map((auth) => [auth, events.get(auth)!] as const)
  const state = new Map(cited.map(([auth, { type, state_key: key }]) => [stateKey(type, key ?? ''), auth]))
  if (version.roomIdIsCreateHash) state.set(stateKey('m.room.create', ''), `$${room.roomId.slice(1)}`)
  return room.replay.passes(pdu, state)
}

await pipeline(lines, process.stdout)
