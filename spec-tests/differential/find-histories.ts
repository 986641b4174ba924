import { roomVersion } from '#protocol/rooms/room-version.ts'
import type { Deviation } from '../protocol/state-resolution/deviations.ts'
import type { Unresolved } from '../protocol/state-resolution/kept-history.ts'
import { poison } from '../support/federation/forged-states.ts'
import { SeededRandom } from '../support/generators/seeded-random.ts'
import { generateRoom } from './generated-room.ts'
import { agrees, keep, resolveHistory, tellsApart } from './keep.ts'
import { startLibrary } from './library.ts'
import { historyOf, shrink } from './shrink.ts'

/**
 * Finds small rooms in which a way to go astray makes a difference, and keeps them.
 * Usage: node find-histories.ts [NAME ...]; without names all of them.
 */
type Search = { version: string; shows?: Deviation; isOurs?: boolean }

const searches: Record<string, Search> = {
  'v1-depth': { version: '1', shows: 'v1 depth' },
  'v1-digest': { version: '1', shows: 'v1 digest' },
  'v1-none-allowed': { version: '1', shows: 'v1 none allowed' },
  'v1-rejected': { version: '1', shows: 'rejected' },
  'v1-stop': { version: '1', shows: 'v1 stop' },
  'v2-mainline': { version: '10', shows: 'mainline' },
  'v2-mainline-id': { version: '6', shows: 'mainline id' },
  'v2-mainline-time': { version: '11', shows: 'mainline time' },
  'v2-own-events': { version: '10', shows: 'own events' },
  'v2-power': { version: '11', shows: 'power' },
  'v2-power-id': { version: '2', shows: 'power id' },
  'v2-power-time': { version: '8', shows: 'power time' },
  'v2-rejected': { version: '11', shows: 'rejected' },
  'v2-rejected-past': { version: '11', isOurs: true },
  'v2-step-1': { version: '10', shows: 'step 1' },
  'v2.1-mainline-id': { version: '12', shows: 'mainline id' },
  'v2.1-own-events': { version: '12', shows: 'own events' },
  'v2.1-power-time': { version: '12', shows: 'power time' },
  'v2.1-rejected': { version: '12', shows: 'rejected' },
  'v2.1-start': { version: '12', shows: 'start' },
  'v2.1-subgraph': { version: '12', shows: 'subgraph' },
}

const eventsPerRoom = 150
/** The smallest of so many is kept. */
const tries = 5

await using library = startLibrary()
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(searches)
for (const name of names) await keep(library, name, await smallestFor(searches[name]!))

async function smallestFor(search: Search): Promise<Unresolved> {
  const found: Unresolved[] = []
  for (let seed = 1; found.length < tries; seed++) {
    const history = await historyIn(search, seed)
    if (history) found.push(history)
  }
  return found.reduce((one, other) => (sizeOf(one) <= sizeOf(other) ? one : other))
}

/** The first meeting of a room that shows it, shrunk. */
async function historyIn(search: Search, seed: number): Promise<Unresolved | undefined> {
  const { room, merges } = generateRoom(roomVersion(search.version)!, { seed, events: eventsPerRoom })
  const random = new SeededRandom(seed)
  const isPoisoned = search.shows === 'rejected' || search.isOurs
  for (const { sets } of merges) {
    const given = isPoisoned ? poison(room, sets, random)?.poisoned : sets
    const history = given && (await shrink(historyOf(room, given), (one) => isShown(search, one)))
    if (!history) continue
    const ours = search.isOurs && { ours: [...resolveHistory(history).values()] }
    return { ...(search.shows && { shows: search.shows }), ...history, ...ours }
  }
  return undefined
}

async function isShown({ shows, isOurs }: Search, history: Unresolved): Promise<boolean> {
  if (isOurs) return (await agrees(library, history)) === false
  if (!tellsApart(shows!, history)) return false
  return shows !== 'rejected' || (await agrees(library, history)) === true
}

function sizeOf({ events }: Unresolved): number {
  return JSON.stringify(events).length
}
