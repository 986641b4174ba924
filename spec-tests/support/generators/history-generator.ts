import { prevEventIds, type Pdu } from '#protocol/events/event.ts'
import { serverOf, type EventId, type UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { stateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'
import { historyOpening, proposeAct } from './history-acts.ts'
import type { RoomReplay } from '../federation/room-replay.ts'
import type { Act } from './acts.ts'
import { TestRoom, startOfTime } from './test-room.ts'
import { SeededRandom } from './seeded-random.ts'
import { ServerView } from '../server/server-view.ts'

export type HistoryOptions = {
  version: RoomVersion
  seed: number
  /** How many events the room shall have, the opening ones included. */
  events: number
  servers?: number
  usersPerServer?: number
  /** The share of acts that break rules or bend the graph, 0 to 1. */
  hostility?: number
  /** Whether events are really hashed and signed; ids are derived from the content in any case. */
  signed?: boolean
}

/** After so many steps in which nobody found anything to do, somebody breaks a rule: some rooms go quiet for good. */
const patience = 50

export type History = {
  room: TestRoom
  /** The accepted events that no accepted event follows. */
  forwardExtremities: readonly EventId[]
}

/** A room with a past in which servers lag, fork, contend and cheat. The same options give the same room. */
export function generateHistory(options: HistoryOptions): History {
  const making = new RoomInTheMaking(options)
  making.open()
  while (making.room.order.length < options.events) making.step()
  return { room: making.room, forwardExtremities: headsOf(making.room) }
}

function headsOf({ order, replay, version }: TestRoom): EventId[] {
  const accepted = order.filter((id) => !replay.rejected.has(id))
  const followed = new Set(accepted.flatMap((id) => prevEventIds(replay.events.get(id)!, version)))
  return accepted.filter((id) => !followed.has(id))
}

class RoomInTheMaking {
  readonly room: TestRoom
  readonly #random: SeededRandom
  readonly #replay: RoomReplay
  readonly #views: ServerView[]
  readonly #users: UserId[]
  readonly #hostility: number
  #idleSteps = 0

  constructor({ version, seed, servers = 4, usersPerServer = 4, hostility = 0.2, signed }: HistoryOptions) {
    this.#random = new SeededRandom(seed)
    this.room = new TestRoom(version, { roomId: `!room-${seed}:s0.test`, signed })
    this.#replay = this.room.replay
    this.#hostility = hostility
    this.#views = Array.from({ length: servers }, (_, index) => new ServerView(`s${index}.test`, this.#replay))
    this.#users = Array.from({ length: usersPerServer }, (_, user) =>
      this.#views.map(({ name }): UserId => `@u${user}:${name}`),
    ).flat()
  }

  /** Creates the room, and lets most of its people in. */
  open(): void {
    const home = this.#views[0]!
    for (const act of historyOpening(this.room.version, this.#users, this.room.roomId))
      this.#publish(home, act, [...home.forwardExtremities])
    for (const view of this.#views) view.receiveAll()
  }

  /** One server sends an event, or receives those of the others. */
  step(): void {
    const view = this.#random.pick(this.#views)
    if (this.#random.chance(0.03)) view.isSilent = !view.isSilent
    if (this.#random.chance(0.3)) return this.#hear(view)
    const sender = this.#random.pick(this.#users.filter((user) => serverOf(user) === view.name))
    const prevs = this.#pickHeads(view)
    const events = this.room.order.length
    const isStuck = this.#idleSteps > patience
    if (isStuck || this.#random.chance(this.#hostility)) this.#cheat(view, sender, prevs)
    else this.#behave(view, sender, prevs)
    this.#idleSteps = this.room.order.length > events ? 0 : this.#idleSteps + 1
  }

  #hear(view: ServerView): void {
    if (this.#random.chance(0.5)) view.receiveAll()
    else view.receiveSome(() => this.#random.chance(0.4))
  }

  /** Sends something that the rules allow after `prevs`, unless the sender finds nothing. */
  #behave(view: ServerView, sender: UserId, prevs: EventId[]): void {
    const before = this.#replay.stateBefore(prevs)
    for (let attempt = 0; attempt < 6; attempt++) {
      const pdu = this.room.make(this.#propose(sender, before), { prevs, sentAt: this.#now() })
      if (this.#replay.isAllowed(pdu, before)) return this.#deliver(view, pdu)
    }
  }

  /** Sends an event that breaks a rule, has false depth or time, or follows old or rejected events. */
  #cheat(view: ServerView, sender: UserId, prevs: EventId[]): void {
    const random = this.#random
    const old = random.pick(this.room.order)
    const past = this.#replay.stateAfter.get(old)!
    const now = this.#replay.stateBefore(prevs)
    const tricks: (() => void)[] = [
      () => this.#behave(view, sender, [old]),
      () => this.#behave(view, sender, [...new Set([old, prevs[0]!])]),
      () => this.#publish(view, this.#propose(sender, past), prevs, { authState: past }),
      () => this.#publish(view, this.#propose(sender, now), prevs, { authState: past }),
      () => this.#publish(view, this.#propose(sender, now), prevs, { authState: this.#withRejected(now) }),
      () => this.#publish(view, this.#propose(sender, now), prevs, { depth: random.pick([1, 5, 1_000_000]) }),
      () => this.#publish(view, this.#propose(sender, now), prevs, { sentAt: random.pick([0, 1, 2]) * startOfTime }),
    ]
    random.pick(tricks)()
  }

  /** The state with a rejected event in place of the one that rules. */
  #withRejected(state: StateMap): StateMap {
    if (this.#replay.rejected.size === 0) return state
    const id = this.#random.pick([...this.#replay.rejected])
    const { type, state_key: key } = this.#replay.events.get(id)!
    return key === undefined ? state : new Map(state).set(stateKey(type, key), id)
  }

  #propose(sender: UserId, state: StateMap): Act {
    const { version, replay } = this.room
    return proposeAct({ version, users: this.#users, random: this.#random, sender, state, events: replay.events })
  }

  #pickHeads(view: ServerView): EventId[] {
    return this.#random.shuffled(view.forwardExtremities).slice(0, this.#random.chance(0.1) ? 1 : 10)
  }

  #publish(
    view: ServerView,
    act: Act,
    prevs: EventId[],
    claims: { authState?: StateMap; sentAt?: number; depth?: number } = {},
  ) {
    this.#deliver(view, this.room.make(act, { prevs, sentAt: this.#now(), ...claims }))
  }

  #deliver(view: ServerView, pdu: Pdu): void {
    const before = this.room.order.length
    const id = this.room.take(pdu)
    if (this.room.order.length > before) view.create(id, this.#views)
  }

  /** Clocks that agree to a few seconds, so that some events share their time. */
  #now(): number {
    return startOfTime + (Math.floor(this.room.order.length / 3) + this.#random.below(3)) * 1000
  }
}
