import type { EventId } from '#protocol/ids.ts'
import { stateKey, type StateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'
import type { TestRoom } from '../generators/test-room.ts'
import type { SeededRandom } from '../generators/seeded-random.ts'

/**
 * States that servers might claim of a room, true or not: states of its past in which some places hold another of the
 * accepted events that were ever sent for them, or nothing.
 */
export function forgeStates({ order, replay }: TestRoom, random: SeededRandom): StateMap[] {
  const sentFor = acceptedByPlace(order, replay.events, replay.rejected)
  const places = [...sentFor.keys()]
  return Array.from({ length: 2 + random.below(3) }, () => {
    if (random.chance(0.03)) return new Map()
    const state = new Map(replay.stateAfter.get(random.pick(order))!)
    for (let changes = random.below(6); changes > 0; changes--) {
      const place = random.pick(places)
      if (random.chance(0.15)) state.delete(place)
      else state.set(place, random.pick(sentFor.get(place)!))
    }
    return state
  })
}

/** The same states, some of which hold rejected events of the room; and with these places left empty instead. */
export function poison(
  { replay }: TestRoom,
  sets: readonly StateMap[],
  random: SeededRandom,
): { poisoned: StateMap[]; emptied: StateMap[] } | undefined {
  const rejected = [...replay.rejected].filter((id) => replay.events.get(id)!.state_key !== undefined)
  if (rejected.length === 0) return undefined
  const poisoned = sets.map((set) => new Map(set))
  const emptied = sets.map((set) => new Map(set))
  for (let count = 0; count < 4; count++) {
    const id = random.pick(rejected)
    const { type, state_key: key } = replay.events.get(id)!
    const target = random.below(sets.length)
    poisoned[target]!.set(stateKey(type, key!), id)
    emptied[target]!.delete(stateKey(type, key!))
  }
  return { poisoned, emptied }
}

function acceptedByPlace(
  order: readonly EventId[],
  events: TestRoom['replay']['events'],
  rejected: ReadonlySet<EventId>,
): Map<StateKey, EventId[]> {
  const byPlace = new Map<StateKey, EventId[]>()
  for (const id of order) {
    const { type, state_key: key } = events.get(id)!
    if (key === undefined || rejected.has(id)) continue
    const place = stateKey(type, key)
    const sent = byPlace.get(place)
    if (sent === undefined) byPlace.set(place, [id])
    else sent.push(id)
  }
  return byPlace
}
