import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { forgeStates } from '../support/federation/forged-states.ts'
import { generateHistory } from '../support/generators/history-generator.ts'
import type { Merge } from '../support/federation/room-replay.ts'
import type { TestRoom } from '../support/generators/test-room.ts'
import { SeededRandom } from '../support/generators/seeded-random.ts'

/** How many times for each room we resolve states that no honest server would claim. */
const forgedPerRoom = 100

/** A hostile room and all meetings of states in it: those that occurred, then those that are only claimed. */
export function generateRoom(
  version: RoomVersion,
  { seed, events }: { seed: number; events: number },
): { room: TestRoom; merges: Merge[] } {
  const { room } = generateHistory({ version, seed, events, hostility: (seed % 5) / 10 })
  const random = new SeededRandom(seed)
  const forged = Array.from({ length: forgedPerRoom }, () => forgeStates(room, random))
  const claimed = forged.map((sets) => ({ sets, resolved: room.replay.resolve(sets) }))
  return { room, merges: [...room.replay.merges.values(), ...claimed] }
}
