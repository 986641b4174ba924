import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import { authEventIds, prevEventIds, type Pdu } from '#protocol/events/event.ts'
import { serverOf, type EventId } from '#protocol/ids.ts'
import { stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { Branch } from '#store/rooms/event-branches.ts'
import type { EventStatus, StoredEvent } from '#store/rooms/events.ts'
import type { RowChange } from '#store/rooms/room-check.ts'
import type { CachedEvent } from './event-cache.ts'
import { followedExtremities, isBehind, type Step } from '#services/rooms/state/followed-extremities.ts'
import { maxForwardExtremities } from '#services/rooms/state/state-transition.ts'
import { isSameState, resolvePositions } from './resolve-positions.ts'
import { noEvent, StateJournal, type Positions } from './state-journal.ts'
import { difference, type Subject } from './subject.ts'

const pageSize = 500

type EntryAt = (key: StateKey) => number

/**
 * Follows a room from its events alone: judges each by the state before it and moves the current state on. Where what an
 * event follows is not stored (before a join or a purge), the state that was given then counts.
 */
export class Replay {
  readonly journal = new StateJournal()
  /** Forward extremities. */
  readonly forwardExtremities = new Set<EventId>()
  depth = 0
  lastPosition = 0
  readonly #subject: Subject
  #create: EventId | undefined
  /** From here on all forward extremities are known. */
  #knownFrom = 0
  /** The state before events that fork, as what differs from the current state just before them. */
  readonly #forks = new Map<number, Positions>()
  readonly #branches = new Map<number, Branch>()
  /** A stretch in which the current state was taken for what it was not, until it is passed. */
  #corrected: Subject['partial']['corrected']

  constructor(subject: Subject) {
    this.#subject = subject
    this.#corrected = subject.partial.corrected
  }

  /** Begins with the state at the position up to which history is purged. */
  async begin(): Promise<void> {
    const { store, room, events } = this.#subject
    if (room.purgedUpTo === 0) return
    for (const { type, stateKey: key, from, entry } of await store.rooms.check.spansAt(room.nid, room.purgedUpTo))
      if (type !== null && key !== null) this.journal.set(stateKey(type, key), from, entry)
    const create = this.journal.current(stateKey('m.room.create', ''))
    this.#create = create && (await events.at(create.entry))?.event.eventId
    this.#knownFrom = (await this.#lastIntoPurged()) + 1
  }

  /** The last event that follows purged ones: until then the room may have had forward extremities of which nothing is left. */
  async #lastIntoPurged(): Promise<number> {
    const { store, room, version, events } = this.#subject
    let last = room.purgedUpTo
    for (let after = room.purgedUpTo; ;) {
      const page = (await store.rooms.check.events(room.nid, { after, limit: pageSize })).map((event) =>
        events.put(event),
      )
      const prevs = page.map(({ pdu }) => prevEventIds(pdu, version))
      const places = await store.rooms.check.positionsOf([...new Set(prevs.flat())])
      for (const [index, { event }] of page.entries())
        if (prevs[index]?.some((id) => (places.get(id) ?? 0) <= room.purgedUpTo)) last = event.position
      after = page.at(-1)?.event.position ?? after
      if (page.length < pageSize) return last
    }
  }

  /** Where all members of a room were here, the current state may have become what no event made it. */
  async passCorrection(position: number): Promise<void> {
    const { upTo = Infinity } = this.#corrected ?? {}
    if (position <= upTo || upTo === Infinity) return
    this.#corrected = undefined
    await this.#adoptSpans(upTo)
  }

  /** Takes the next event in the order of positions; answers what is wrong with its row and its branch. */
  async take(cached: CachedEvent, stored: Branch | undefined): Promise<RowChange[]> {
    const { event, pdu } = cached
    if (event.status === 'outlier' || event.isHistory) return []
    if (pdu.type === 'm.room.create') this.#create ??= event.eventId
    if (stored) this.#branches.set(event.position, stored)
    const prevs = prevEventIds(pdu, this.#subject.version)
    await this.passCorrection(event.position)
    if (event.position > (this.#corrected?.after ?? Infinity)) return this.#believe(cached, prevs, stored)
    const isFollowing =
      new Set(prevs).size === this.forwardExtremities.size && prevs.every((id) => this.forwardExtremities.has(id))
    const isOnLine = isFollowing && event.position >= this.#knownFrom
    const before = isOnLine && !stored ? undefined : await this.#stateBefore(prevs, isOnLine, event.position)
    if (before === 'unknown') return this.#trust(cached, prevs, stored)
    if (before) this.#rememberFork(event.position, before)
    const changes: RowChange[] = []
    const status = await this.#statusOf(cached, before)
    if (status !== event.status) changes.push(this.#subject.store.rooms.check.statusChange(event, status))
    cached.event = { ...event, status }
    if (status === 'accepted') await this.#extend(cached, prevs, isOnLine)
    // Last, since a branch may refer to the current state just after its event.
    if (before) changes.push(...(await this.#checkBranch(event.position, before, stored)))
    return changes
  }

  async #stateBefore(prevs: readonly EventId[], isOnLine: boolean, position: number): Promise<Positions | 'unknown'> {
    if (isOnLine) return this.journal.stateAt(position - 1)
    const found = await this.#subject.events.find([...new Set(prevs)])
    const known = found.filter(({ event }) => this.#isReplayed(event, position))
    if (prevs.length === 0 || known.length < new Set(prevs).size) return 'unknown'
    return resolvePositions(
      this.#subject,
      known.map((cached) => this.#stateAfter(cached)),
    )
  }

  readonly #isReplayed = ({ position, status, isHistory }: StoredEvent, now: number): boolean =>
    position > this.#subject.room.purgedUpTo && position < now && status !== 'outlier' && !isHistory

  #stateAfter({ event, pdu }: CachedEvent): Positions {
    const state = this.#before(event.position)
    if (pdu.state_key !== undefined && event.status !== 'rejected')
      state.set(stateKey(pdu.type, pdu.state_key), event.position)
    return state
  }

  #before(position: number): Positions {
    return diff(this.journal.stateAt(position - 1), this.#forks.get(position) ?? new Map())
  }

  #rememberFork(position: number, before: Positions): void {
    const delta = differing(this.journal.stateAt(position - 1), before)
    if (delta.size > 0) this.#forks.set(position, delta)
  }

  /** Compares the state before an event with what the stored branch says of it. */
  async #checkBranch(position: number, before: Positions, stored: Branch | undefined): Promise<RowChange[]> {
    const line = this.journal.stateAt(position - 1)
    const delta = this.#forks.get(position) ?? new Map<StateKey, number>()
    const said = stored ? await this.#materialize(stored) : line
    if (isSameState(said, before)) return []
    const { store, room } = this.#subject
    const ids = await store.rooms.check.idsAt([...delta.values()])
    const listed = [...delta].map(([key, entry]) => [...key.split('\0'), ids.get(entry) ?? null])
    const row = { room_nid: room.nid, base_position: position - 1, hops: 0, delta: JSON.stringify(listed) }
    return difference(
      'event_branches',
      { position },
      { stored: stored && { ...stored }, expected: delta.size > 0 ? row : undefined },
    )
  }

  async #materialize({ basePosition, hops, delta }: Branch): Promise<Positions> {
    const { store, events } = this.#subject
    const positions = await store.rooms.check.positionsOf(delta.flatMap(([, , id]) => id ?? []))
    const changes: Positions = new Map(
      delta.map(([type, key, id]) => [stateKey(type, key), id === null ? noEvent : (positions.get(id) ?? noEvent)]),
    )
    if (hops === 0) return diff(this.journal.stateAt(basePosition), changes)
    const below = this.#branches.get(basePosition)
    const base = below ? await this.#materialize(below) : this.journal.stateAt(basePosition - 1)
    const cached = await events.at(basePosition)
    if (cached?.pdu.state_key !== undefined && cached.event.status !== 'rejected')
      base.set(stateKey(cached.pdu.type, cached.pdu.state_key), basePosition)
    return diff(base, changes)
  }

  /** What follows something that is not stored was judged when it came: its outcome and the state it brought count. */
  async #trust(
    { event, pdu }: CachedEvent,
    prevs: readonly EventId[],
    stored: Branch | undefined,
  ): Promise<RowChange[]> {
    const { position, status } = event
    // Its branch may refer to the current state just after it.
    if (status === 'accepted') await this.#adoptSpans(position)
    if (stored) this.#rememberFork(position, await this.#materialize(stored))
    if (status === 'accepted') await this.#follow(event, prevs, pdu.depth)
    return []
  }

  /** The same of an event that came while the current state was not known, whatever became of it since. */
  async #believe(cached: CachedEvent, prevs: readonly EventId[], stored: Branch | undefined): Promise<RowChange[]> {
    if (cached.event.status !== 'accepted') await this.#adoptSpans(cached.event.position)
    return this.#trust(cached, prevs, stored)
  }

  /** Takes what changed at a position as it is stored. */
  async #adoptSpans(position: number): Promise<void> {
    const { store, room } = this.#subject
    for (const { type, stateKey: key, entry } of await store.rooms.check.spansFrom(room.nid, position))
      if (type !== null && key !== null) this.journal.set(stateKey(type, key), position, entry)
  }

  async #statusOf({ event, pdu }: CachedEvent, before: Positions | undefined): Promise<EventStatus> {
    if (event.status !== 'accepted') return event.status
    const { events, version } = this.#subject
    const cited = await events.find(authEventIds(pdu, version))
    if (cited.some((auth) => auth.event.status === 'rejected')) return 'rejected'
    // What it was aimed at went with its redaction, and up to version 2 decided whether it was allowed.
    if (pdu.type === 'm.room.redaction' && event.redactedBy !== null) return 'accepted'
    const onLine: EntryAt = (key) => this.journal.entryAt(key, event.position - 1)
    if (before && !(await this.#allows(pdu, (key) => before.get(key) ?? noEvent))) return 'rejected'
    // A server of the room let our user in by what it knew of the room, and we may have known another part of it.
    if ((before && this.#isOwnJoin(pdu)) || (await this.#allows(pdu, onLine))) return 'accepted'
    return before ? 'soft-failed' : 'rejected'
  }

  #isOwnJoin({ type, state_key: key, sender, content }: Pdu): boolean {
    const isJoin = type === 'm.room.member' && key === sender && content.membership === 'join'
    return isJoin && serverOf(sender) === this.#subject.serverName
  }

  /** Where an event that counts is redacted or missing, what was decided when it was whole cannot be decided again. */
  async #allows(pdu: Pdu, entryAt: EntryAt): Promise<boolean> {
    const { events, version } = this.#subject
    const state = new Map<StateKey, Pdu>()
    let isDoubtful = false
    for (const [type, key] of [...authEventKeys(pdu, version), ['m.room.create', ''] as const]) {
      const entry = entryAt(stateKey(type, key))
      const cached = entry === noEvent ? undefined : await events.at(entry)
      if (cached) state.set(stateKey(type, key), cached.pdu)
      // A member that a join left out may have been there.
      isDoubtful ||= entry === noEvent && type === 'm.room.member' && this.#subject.partial.isPartial
      isDoubtful ||= entry !== noEvent && (!cached || cached.event.redactedBy !== null)
    }
    return isDoubtful || authorize(pdu, version, (type, key) => state.get(stateKey(type, key))) === undefined
  }

  async #extend({ event, pdu }: CachedEvent, prevs: readonly EventId[], isOnLine: boolean): Promise<void> {
    const { position } = event
    if (!(await this.#follow(event, prevs, pdu.depth))) return
    if (position < this.#knownFrom) return this.#adoptSpans(position)
    if (isOnLine) {
      if (pdu.state_key !== undefined) this.journal.set(stateKey(pdu.type, pdu.state_key), position, position)
      return
    }
    const forwardExtremities = await this.#subject.events.find([...this.forwardExtremities.keys()])
    const after = await resolvePositions(
      this.#subject,
      forwardExtremities.map((forwardExtremity) => this.#stateAfter(forwardExtremity)),
    )
    const line = this.journal.stateAt(position - 1)
    for (const [key, entry] of differing(line, after)) this.journal.set(key, position, entry)
  }

  /** Makes an accepted event a forward extremity in place of those it follows; false where it changes nothing among them. */
  async #follow({ eventId, position }: StoredEvent, prevs: readonly EventId[], depth: number): Promise<boolean> {
    this.lastPosition = position
    const find = (ids: readonly EventId[]) => this.#findSteps(ids, position)
    const followed = await followedExtremities({
      forwardExtremities: this.forwardExtremities,
      create: this.#create,
      prevs,
      find,
    })
    const kept = [...this.forwardExtremities].filter((forwardExtremity) => !followed.has(forwardExtremity))
    const isLate = await isBehind({ eventId, depth, forwardExtremities: kept, find })
    if (followed.size === 0 && (isLate || this.forwardExtremities.size >= maxForwardExtremities)) return false
    for (const forwardExtremity of followed) this.forwardExtremities.delete(forwardExtremity)
    if (!isLate) this.forwardExtremities.add(eventId)
    this.depth = Math.max(this.depth, depth)
    return true
  }

  async #findSteps(ids: readonly EventId[], now: number): Promise<Step[]> {
    const { events, version } = this.#subject
    const isPlaced = ({ event }: CachedEvent) => this.#isReplayed(event, now)
    return (await events.find(ids)).filter(isPlaced).map(({ event, pdu }) => ({
      isAccepted: event.status === 'accepted',
      depth: pdu.depth,
      prevs: () => prevEventIds(pdu, version),
    }))
  }
}

function diff(state: Positions, changes: Positions): Positions {
  for (const [key, entry] of changes)
    if (entry === noEvent) state.delete(key)
    else state.set(key, entry)
  return state
}

function differing(from: Positions, to: Positions): Positions {
  const changes: Positions = new Map()
  for (const [key, entry] of to) if (from.get(key) !== entry) changes.set(key, entry)
  for (const key of from.keys()) if (!to.has(key)) changes.set(key, noEvent)
  return changes
}
