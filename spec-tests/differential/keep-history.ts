import { roomVersion } from '#protocol/rooms/room-version.ts'
import { generateRoom } from './generated-room.ts'
import { agrees, keep } from './keep.ts'
import { startLibrary } from './library.ts'
import { historyOf, shrink } from './shrink.ts'

/**
 * Shrinks a divergence to the least that shows it, and keeps that with what the library makes of it.
 * Usage: node keep-history.ts NAME LINE, a line as `resolve_with_synapse.py` prints it for a state.
 */
const [name, line] = process.argv.slice(2)
if (!name || !line) throw new Error('Give the history a name, and the line that tells of the divergence')
const divergence = JSON.parse(line) as { version: string; seed: number; events: number; kind: string; merge?: number }
const { version, seed, events, merge } = divergence
if (merge === undefined) throw new Error('Only states are kept as histories')

const { room, merges } = generateRoom(roomVersion(version)!, { seed, events })
await using library = startLibrary()
const whole = historyOf(room, merges[merge]!.sets)
const history = await shrink(whole, async (one) => (await agrees(library, one)) === false)
if (history) await keep(library, name, history)
else console.log('The library agrees with us on that room')
