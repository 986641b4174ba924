import { membershipOf, type Pdu } from '#protocol/events/event.ts'
import type { EventId, RoomId, ServerName, UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { stateKey as keyOf, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { Membership, MembershipSince } from '#store/rooms/members.ts'
import type { MembershipChange } from '#store/rooms/room-write.ts'
import { AuthGraph } from '#services/rooms/state/auth-graph.ts'
import type { CommittedChange, RedactedEvent } from './committed-change.ts'
import { RoomMembers } from './room-members.ts'
import type { LiveRoomStart } from './live-room-start.ts'
import type { StateEntry, StateHistory, StateMove } from './state-entry.ts'

type WritableEntry = { -readonly [Field in keyof StateEntry]: StateEntry[Field] }
const writable = (entry: StateEntry): WritableEntry => entry

type Commit = {
  nid: number
  base: Partial<BuildBase> | undefined
  moves: readonly StateMove[]
  changes: readonly CommittedChange[]
}

/** What the next event builds on. */
export type BuildBase = Pick<LiveRoom, 'forwardExtremities' | 'depth' | 'forwardExtremityPdus'>

const maxRecent = 50
const maxHistories = 500

/** Bytes of a state key with its entry, of a member, and of an event besides its JSON, in the maps of a room. */
const entryBytes = 360
const memberBytes = 120
const eventBytes = 400
/** Of what a PDU has besides. */
const graphBytes = 600
/** Of the past values of a state key. */
const historyBytes = 500

declare const locked: unique symbol

/**
 * A room in its turn (`LiveRooms.inTurn`): no other event is built on it meanwhile. What changes a room takes one of
 * these, so that it cannot be called outside of the turn.
 */
export type LockedRoom = LiveRoom & { readonly [locked]: true }

/**
 * A room as this process holds it. The next event builds on its forward extremities and on the committed state with what
 * waits for its commit laid over it; readers see only what is committed. Only `live/` changes it.
 */
export class LiveRoom {
  readonly roomId: RoomId
  readonly version: RoomVersion
  /** Up to this position history is purged and no longer shown. */
  readonly purgedUpTo: number
  #nid: number | undefined
  #revision: number
  #forwardExtremities: readonly EventId[]
  #depth: number
  #forwardExtremityPdus: ReadonlyMap<EventId, Pdu> = new Map()
  #lastPosition: number
  #isBroken = false
  #isPlaceholder: boolean
  #pendingWrites = 0
  #lastWrite: Promise<unknown> = Promise.resolve()
  #authGraph: AuthGraph | undefined
  #plainSince: number
  #recentFrom: number
  readonly #recent: StoredEvent[] = []
  #recentBytes = 0
  /** Of PDUs that were loaded into state entries. */
  #loadedBytes = 0
  readonly #replacedState = new Map<EventId, StateEntry | undefined>()
  /** What visibility depends on, as far as readers asked for it. */
  readonly #histories = new Map<StateKey, StateHistory>()
  readonly #state = new Map<StateKey, StateEntry>()
  readonly #pending = new Map<StateKey, StateEntry>()
  readonly #members: RoomMembers

  constructor(start: LiveRoomStart) {
    this.#members = new RoomMembers(start.serverName)
    this.#isPlaceholder = start.isPlaceholder
    this.roomId = start.roomId
    this.version = start.version
    this.purgedUpTo = start.purgedUpTo
    this.#nid = start.nid
    this.#revision = start.revision
    this.#forwardExtremities = start.forwardExtremities
    this.#depth = start.depth
    this.#lastPosition = start.lastPosition
    this.#recentFrom = start.lastPosition
    this.#plainSince = start.lastPosition
    for (const entry of start.entries) this.#state.set(keyOf(entry.type, entry.stateKey), entry)
    for (const { joinedAt, ...member } of start.members) this.#setMember(member, joinedAt)
  }

  /** The room's number in the store; undefined until its create event is committed. */
  get nid(): number | undefined {
    return this.#nid
  }

  get forwardExtremities(): readonly EventId[] {
    return this.#forwardExtremities
  }

  get depth(): number {
    return this.#depth
  }

  /** The forward extremities themselves, where the room version cites events with their hashes (1 and 2); loaded when needed. */
  get forwardExtremityPdus(): ReadonlyMap<EventId, Pdu> {
    return this.#forwardExtremityPdus
  }

  /** Position of the newest committed event. */
  get lastPosition(): number {
    return this.#lastPosition
  }

  /** Whether a write failed: what was built on it is void, and the room is dropped and read again. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** Whether the room is known only from a join under way: until one of this server's users has joined, it is not found. */
  get isPlaceholder(): boolean {
    return this.#isPlaceholder
  }

  /** Writes built on this room that wait for their commit; it stays in memory meanwhile. */
  get pendingWrites(): number {
    return this.#pendingWrites
  }

  /** Resolves after all writes that were built on this room, also where one fails. */
  get lastWrite(): Promise<unknown> {
    return this.#lastWrite
  }

  /** The auth chains of the room's state events, once two branches had to be resolved. */
  get authGraph(): AuthGraph | undefined {
    return this.#authGraph
  }

  /** After this position every change of state was made by the event at that position, and by nothing else. */
  get plainSince(): number {
    return this.#plainSince
  }

  /** Every event after this position is in `recent`. */
  get recentFrom(): number {
    return this.#recentFrom
  }

  /** The newest committed events, oldest first; complete after `recentFrom`. */
  get recent(): readonly StoredEvent[] {
    return this.#recent
  }

  /** The state entries that recent state events replaced, as far as they were asked for or this process saw them. */
  get replacedState(): ReadonlyMap<EventId, StateEntry | undefined> {
    return this.#replacedState
  }

  /** Committed state entries. */
  get state(): ReadonlyMap<StateKey, StateEntry> {
    return this.#state
  }

  /** Committed memberships. */
  get members(): ReadonlyMap<UserId, Membership> {
    return this.#members.all
  }

  /** This server's users who are joined. */
  get localUsers(): ReadonlySet<UserId> {
    return this.#members.localUsers
  }

  /** The servers with joined users in the room, this one included, and how many each has. */
  get joinedByServer(): ReadonlyMap<ServerName, number> {
    return this.#members.joinedByServer
  }

  /** Whether users of other servers have, or had, any membership: only then can history of it be elsewhere. */
  get isShared(): boolean {
    return this.#members.isShared
  }

  /** Estimated bytes in memory, without the recent events. */
  get weight(): number {
    const entries = this.#state.size + this.#pending.size + (this.#authGraph?.size ?? 0)
    const histories = this.#histories.size * historyBytes
    return entries * entryBytes + this.#members.all.size * memberBytes + this.#loadedBytes + histories
  }

  /** Estimated bytes of the recent events, and of the state they replaced. */
  get recentWeight(): number {
    return this.#recentBytes
  }

  count(membership: Membership): number {
    return this.#members.count(membership)
  }

  /** The committed entry of a state key. */
  entry(type: string, stateKey: string): StateEntry | undefined {
    return this.#state.get(keyOf(type, stateKey))
  }

  /** Since when a local user has been joined without a break. */
  joinedAt(userId: UserId): number | undefined {
    return this.#members.joinedAt(userId)
  }

  /** The past values of a state key, where a reader asked for them since it changed. */
  historyOf(key: StateKey): StateHistory | undefined {
    return this.#histories.get(key)
  }

  /** The entry that the next event builds on: also one that waits for its commit. */
  nextStateEntry(type: string, stateKey: string): StateEntry | undefined {
    const key = keyOf(type, stateKey)
    // Nearly always nothing waits, and looking for a text that was just put together is dear.
    return (this.#pending.size > 0 ? this.#pending.get(key) : undefined) ?? this.#state.get(key)
  }

  /** The membership that the next event finds. */
  nextMembership(userId: UserId): Membership | undefined {
    const waiting = this.#pending.get(keyOf('m.room.member', userId))?.pdu
    return waiting ? (membershipOf(waiting) as Membership) : this.#members.all.get(userId)
  }

  /** Whether these memberships bring in this server's first user. */
  isFirstJoin(members: readonly Pick<MembershipChange, 'userId' | 'membership'>[]): boolean {
    return (
      this.#isPlaceholder &&
      members.some((member) => member.membership === 'join' && this.#members.isLocal(member.userId))
    )
  }

  /** Lays an event that waits for its commit over the room: the next one builds on it. */
  extend(this: LockedRoom, { eventId, pdu }: { eventId: EventId; pdu: Pdu }, entry: StateEntry | undefined): void {
    this.#forwardExtremities = [eventId]
    this.#depth = Math.max(this.#depth, pdu.depth)
    if (this.version.eventFormat === 'v1') this.#forwardExtremityPdus = new Map([[eventId, pdu]])
    if (entry) this.#pending.set(keyOf(entry.type, entry.stateKey), entry)
  }

  /** Takes back what was laid over the room and never reached the writer. */
  retract(this: LockedRoom, base: BuildBase, entries: readonly StateEntry[]): void {
    this.#forwardExtremities = base.forwardExtremities
    this.#depth = base.depth
    this.#forwardExtremityPdus = base.forwardExtremityPdus
    for (const entry of entries) {
      const key = keyOf(entry.type, entry.stateKey)
      if (this.#pending.get(key) === entry) this.#pending.delete(key)
    }
  }

  /** Counts a write that is built on the room as it is now; answers the revision it builds on. */
  beginWrite(this: LockedRoom): number {
    this.#pendingWrites++
    return this.#revision++
  }

  /** Waits for the write from now on, wherever it ends. */
  followWrite(this: LockedRoom, writing: Promise<unknown>): void {
    this.#lastWrite = writing.then(
      () => this.#endWrite(true),
      () => this.#endWrite(false),
    )
  }

  /** Takes the events of a write into what readers see, once they are on disk. */
  applyCommit(this: LockedRoom, { nid, base, moves, changes }: Commit): void {
    this.#nid = nid
    this.#depth = base?.depth ?? this.#depth
    this.#forwardExtremities = base?.forwardExtremities ?? this.#forwardExtremities
    for (const move of moves) this.#move(move)
    for (const change of changes) this.#applyChange(change)
  }

  /** Keeps the PDUs of the forward extremities. */
  cacheForwardExtremities(pdus: ReadonlyMap<EventId, Pdu>): void {
    this.#forwardExtremityPdus = pdus
  }

  /** Keeps the PDU of a state entry; `bytes`: of its JSON. */
  cacheStateEvent(entry: StateEntry, pdu: Pdu, bytes: number): void {
    writable(entry).pdu = pdu
    this.#loadedBytes += 2 * bytes
  }

  /** Keeps what a recent state event replaced; what is older than `recent` is not kept. */
  cacheReplacedState({ eventId, position }: Pick<StoredEvent, 'eventId' | 'position'>, replaced?: StateEntry): void {
    if (position > this.#recentFrom) this.#replacedState.set(eventId, replaced)
  }

  /** Keeps the past values of a state key for the next reader. */
  cacheHistory(key: StateKey, history: StateHistory): void {
    this.#histories.delete(key)
    this.#histories.set(key, history)
    const [oldest] = this.#histories.keys()
    if (this.#histories.size > maxHistories && oldest !== undefined) this.#histories.delete(oldest)
  }

  /** The room's auth graph, which grows with what is loaded into it. */
  openAuthGraph(): AuthGraph {
    return (this.#authGraph ??= new AuthGraph())
  }

  /** Takes older events, oldest first, in front of `recent`; all after `from` are among them or there already. */
  prefill(events: readonly StoredEvent[], from: number): void {
    if (from >= this.#recentFrom) return
    const older = events.filter(({ position }) => position <= this.#recentFrom && position > from)
    this.#recent.unshift(...older)
    for (const event of older) this.#recentBytes += bytesOf(event)
    this.#recentFrom = from
  }

  /** Gives up the recent events: the store has them all. */
  dropRecent(): void {
    this.#recent.length = 0
    this.#replacedState.clear()
    this.#recentFrom = this.#lastPosition
    this.#recentBytes = 0
  }

  #applyChange({ event, entries, members, isPlain, redacted }: CommittedChange): void {
    this.#lastPosition = event.position
    this.#recent.push(event)
    this.#recentBytes += bytesOf(event)
    if (this.#recent.length > maxRecent) this.#dropOldest()
    if (!isPlain) this.#plainSince = event.position
    for (const { type, stateKey, entry } of entries) this.#setEntry(keyOf(type, stateKey), entry, event)
    for (const member of members) this.#setMember(member, event.position)
    for (const one of redacted) this.#redact(one)
  }

  #setEntry(key: StateKey, entry: StateEntry | undefined, event: StoredEvent): void {
    if (!entry) return void this.#state.delete(key)
    writable(entry).from = event.position
    if (entry.eventId === event.eventId) {
      writable(entry).position = event.position
      // What came in along with the event was not in the state before: then it is read.
      if (this.#state.has(key) || this.#plainSince < event.position)
        this.#replacedState.set(event.eventId, this.#state.get(key))
      if (entry.pdu) this.#loadedBytes += bytesOf(event)
    }
    this.#state.set(key, entry)
    if (this.#pending.get(key) === entry) this.#pending.delete(key)
  }

  /** The event keeps its key since when it had it. */
  #move({ type, stateKey, eventId, position }: StateMove): void {
    for (const entry of [this.#state.get(keyOf(type, stateKey)), ...this.#replacedState.values()])
      if (entry?.eventId === eventId) writable(entry).position = position
  }

  /** Empties a redacted event wherever the room keeps it. */
  #redact(event: RedactedEvent): void {
    const index = this.#recent.findIndex(({ eventId }) => eventId === event.eventId)
    const kept = this.#recent[index]
    if (kept) {
      const emptied = { ...kept, clientJson: event.clientJson, redactedBy: event.redactedBy }
      this.#recent[index] = emptied
      this.#recentBytes += bytesOf(emptied) - bytesOf(kept)
    }
    for (const entries of [this.#state, this.#replacedState])
      for (const entry of entries.values()) if (entry?.eventId === event.eventId) writable(entry).pdu = undefined
  }

  #endWrite(isDone: boolean): void {
    this.#pendingWrites--
    if (!isDone) this.#isBroken = true
  }

  #dropOldest(): void {
    const oldest = this.#recent.shift()
    if (!oldest) return
    this.#recentBytes -= bytesOf(oldest)
    this.#recentFrom = oldest.position
    this.#replacedState.delete(oldest.eventId)
  }

  #setMember(member: Pick<MembershipSince, 'userId' | 'membership'>, since: number | undefined): void {
    this.#members.set(member, since)
    if (member.membership === 'join' && this.#members.isLocal(member.userId)) this.#isPlaceholder = false
  }
}

/** What a state event replaced is kept beside it. */
const bytesOf = ({ clientJson, stateKey }: StoredEvent): number =>
  eventBytes + clientJson.length + (stateKey === null ? 0 : 2 * (clientJson.length + graphBytes))
