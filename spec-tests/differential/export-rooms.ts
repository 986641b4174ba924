import { pipeline } from 'node:stream/promises'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { isEntitled } from '../support/rooms/entitled.ts'
import { generateRoom } from './generated-room.ts'

/**
 * Writes generated rooms as JSON lines, with how we resolved each meeting of states in them.
 * Usage: node export-rooms.ts ROOM_VERSION ROOMS EVENTS_PER_ROOM [FIRST_SEED]
 */
const [versionId = '10', rooms = '10', events = '1000', firstSeed = '1'] = process.argv.slice(2)
const version = roomVersion(versionId)
if (version === undefined) throw new Error(`Unknown room version ${versionId}`)

function* lines() {
  for (let seed = Number(firstSeed); seed < Number(firstSeed) + Number(rooms); seed++)
    yield `${JSON.stringify(describeRoom(seed))}\n`
}

function describeRoom(seed: number) {
  const { room, merges } = generateRoom(version!, { seed, events: Number(events) })
  const { replay, order } = room
  return {
    version: versionId,
    seed,
    room_id: room.roomId,
    events: order.map((id) => {
      const pdu = replay.events.get(id)!
      return { id, pdu, allowed: isEntitled(replay, pdu) }
    }),
    rejected: [...replay.rejected],
    merges: merges.map(({ sets, resolved }) => ({
      sets: sets.map((set) => [...set.values()]),
      resolved: [...resolved.values()],
    })),
  }
}

await pipeline(lines, process.stdout)
