import type { EventId } from '#protocol/ids.ts'
import { stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { openingActs } from '../generators/acts.ts'
import { TestRoom } from '../generators/test-room.ts'
import { alice } from '../generators/scene.ts'
import type { SeededRandom } from '../generators/seeded-random.ts'

/** Of so many that could entitle the next event, one is chosen. */
const choices = 20

/**
 * A room with an auth graph that is expensive to walk: its creator sends power levels and their own membership over and
 * over, each event citing any of the last ones of both kinds, so that the number of paths grows exponentially.
 */
export class AdversarialRoom extends TestRoom {
  readonly #random: SeededRandom
  readonly #places: StateKey[] = [stateKey('m.room.power_levels', ''), stateKey('m.room.member', alice)]
  readonly #recent = new Map<StateKey, EventId[]>()

  constructor(versionId: string, random: SeededRandom) {
    const version = roomVersion(versionId)!
    super(version, { signed: true })
    for (const act of openingActs(version, alice)) this.add(act)
    this.#random = random
    const state = this.replay.stateBefore(this.order.slice(-1))
    for (const place of this.#places) this.#recent.set(place, [state.get(place)!])
  }

  /** Adds events one after the other, or all of them after the same ones. */
  grow(count: number, prevs?: readonly EventId[]): EventId[] {
    return Array.from({ length: count }, (_, index) => this.#next(index, prevs ?? this.order.slice(-1)))
  }

  #next(index: number, prevs: readonly EventId[]): EventId {
    const { replay, order } = this
    const authState = new Map(replay.stateBefore(order.slice(0, 4).slice(-1)))
    for (const place of this.#places) authState.set(place, this.#random.pick(this.#recent.get(place)!))
    const place = this.#places[index % 2]!
    const note = order.length
    const act =
      index % 2 === 0
        ? { type: 'm.room.power_levels', state_key: '', content: this.levels({ note }) }
        : { type: 'm.room.member', state_key: alice, content: { membership: 'join', note } }
    const id = this.add({ ...act, sender: alice }, { prevs, authState })
    const recent = this.#recent.get(place)!
    recent.push(id)
    if (recent.length > choices) recent.shift()
    return id
  }
}
