import type { Pdu } from '#protocol/events/event.ts'
import { serverOf, type EventId, type RoomId, type UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { stateKey as stateKeyOf, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { Membership, Standing } from '#store/rooms/members.ts'
import type { MemberWrite } from '#store/rooms/room-write.ts'
import type { AuthGraph } from '#services/rooms/state/auth-graph.ts'

/** Who holds a state key. The PDU is loaded when somebody needs it. */
export type StateEntry = {
  type: string
  stateKey: string
  eventId: EventId
  /** Position since which it holds the key; undefined until its commit. */
  from: number | undefined
  /** Position of the event; undefined until its commit. */
  position: number | undefined
  pdu: Pdu | undefined
}

/** What held from one position until the next interval begins; before the first one nothing did. */
export type Interval<Value> = { from: number; value: Value }

/** Past values of state keys, by key; good as long as the present holder of the key began at `from`. */
export type StateHistories = Map<StateKey, { from: number; intervals: readonly Interval<string>[] }>

/** A state key that gets another holder, or none. */
export type StateEntryChange = { type: string; stateKey: string; entry: StateEntry | undefined }

export const keyOf = stateKeyOf

/** Whether only its create event is here: so are rooms of other servers until one of our users is in. */
export const isBare = ({ nid, lastPosition }: Pick<LiveRoom, 'nid' | 'lastPosition'>): boolean => lastPosition === nid

const maxRecent = 50

export type LiveRoomStart = {
  nid: number | undefined
  roomId: RoomId
  version: RoomVersion
  revision: number
  forwardExtremities: EventId[]
  depth: number
  lastPosition: number
  entries: Iterable<StateEntry>
  members: Iterable<Standing>
  /** This server's name, to know its own users among the members. */
  serverName: string
}

/**
 * A room's own line of events as this process holds it. The next event builds on `heads` and on the state with what
 * waits for its commit laid over it; readers see only what is committed.
 */
export class LiveRoom {
  readonly roomId: RoomId
  readonly version: RoomVersion
  /** The room's number in the store; undefined until its create event is committed. */
  nid: number | undefined
  revision: number
  forwardExtremities: EventId[]
  depth: number
  /** The heads themselves, where the room version cites events with their hashes (1 and 2); loaded when needed. */
  forwardExtremityPdus: ReadonlyMap<EventId, Pdu> = new Map()
  /** Position of the newest committed event. */
  lastPosition: number
  /** A failed write makes everything built on it void: the line is dropped and read again. */
  isBroken = false
  /** Nobody is shown what happened up to this position. */
  purgedUpTo = 0
  /** Writes built on this line that wait for their commit; a busy line stays in memory. */
  pendingWrites = 0
  /** Ends after all writes that were built on this line, also where one fails. */
  lastWrite: Promise<unknown> = Promise.resolve()
  /** What rests on what, once two branches had to be resolved. */
  authGraph: AuthGraph | undefined
  /** After this position every change of the state was made by the event that stands there, and by nothing else. */
  plainSince: number
  /** This server's users who are joined. */
  readonly localUsers = new Set<UserId>()
  /** Since when those have been joined without a break; unknown of some who joined long ago. */
  readonly #joinedAt = new Map<UserId, number>()
  /** What visibility depends on, as far as readers asked for it. */
  readonly histories: StateHistories = new Map()
  /** The newest committed events, oldest first; complete after `recentFrom`. */
  readonly recent: StoredEvent[] = []
  /** Every event after this position is in `recent`. */
  recentFrom: number
  /** What stood in the place of recent state events before them, as far as anybody asked or this process saw it. */
  readonly replacedState = new Map<EventId, StateEntry | undefined>()
  readonly #state = new Map<StateKey, StateEntry>()
  readonly #pending = new Map<StateKey, StateEntry>()
  readonly #members = new Map<UserId, Membership>()
  readonly #serverName: string
  readonly #counts: Record<Membership, number> = { join: 0, invite: 0, knock: 0, leave: 0, ban: 0 }

  constructor(start: LiveRoomStart) {
    this.#serverName = start.serverName
    this.roomId = start.roomId
    this.version = start.version
    this.nid = start.nid
    this.revision = start.revision
    this.forwardExtremities = start.forwardExtremities
    this.depth = start.depth
    this.lastPosition = start.lastPosition
    this.recentFrom = start.lastPosition
    this.plainSince = start.lastPosition
    for (const stateEntry of start.entries) this.#state.set(keyOf(stateEntry.type, stateEntry.stateKey), stateEntry)
    for (const { userId, membership, joinedAt } of start.members) {
      this.#setMember({ userId, membership }, joinedAt)
    }
  }

  /** Committed state holders. */
  get state(): ReadonlyMap<StateKey, StateEntry> {
    return this.#state
  }

  /** Committed memberships. */
  get members(): ReadonlyMap<UserId, Membership> {
    return this.#members
  }

  count(membership: Membership): number {
    return this.#counts[membership]
  }

  /** The committed holder of a key. */
  entry(type: string, stateKey: string): StateEntry | undefined {
    return this.#state.get(keyOf(type, stateKey))
  }

  /** Since when a local user has been joined without a break. */
  joinedAt(userId: UserId): number | undefined {
    return this.#joinedAt.get(userId)
  }

  /** The holder that the next event builds on: also one that waits for its commit. */
  nextStateEntry(type: string, stateKey: string): StateEntry | undefined {
    const key = keyOf(type, stateKey)
    // Nearly always nothing waits, and looking for a text that was just put together is dear.
    return (this.#pending.size > 0 ? this.#pending.get(key) : undefined) ?? this.#state.get(key)
  }

  /** Lays an event that waits for its commit over the line. */
  extend({ eventId, pdu }: { eventId: EventId; pdu: Pdu }, entry: StateEntry | undefined): void {
    this.forwardExtremities = [eventId]
    this.depth = pdu.depth
    if (this.version.eventFormat === 'v1') this.forwardExtremityPdus = new Map([[eventId, pdu]])
    if (entry) this.#pending.set(keyOf(entry.type, entry.stateKey), entry)
  }

  /** Takes back what was laid over the line and never reached the writer. */
  retract(
    base: Pick<LiveRoom, 'forwardExtremities' | 'depth' | 'forwardExtremityPdus'>,
    entries: readonly StateEntry[],
  ): void {
    this.forwardExtremities = base.forwardExtremities
    this.depth = base.depth
    this.forwardExtremityPdus = base.forwardExtremityPdus
    for (const entry of entries) {
      const key = keyOf(entry.type, entry.stateKey)
      if (this.#pending.get(key) === entry) this.#pending.delete(key)
    }
  }

  /** Takes a committed event into what readers see. */
  commit(
    event: StoredEvent,
    entry: StateEntry | undefined,
    member: { userId: UserId; membership: Membership } | undefined,
  ): void {
    this.lastPosition = event.position
    this.recent.push(event)
    if (this.recent.length > maxRecent) this.#dropOldest()
    if (member) this.#setMember(member, event.position)
    if (!entry) return
    const key = keyOf(entry.type, entry.stateKey)
    entry.from = event.position
    entry.position = event.position
    this.replacedState.set(event.eventId, this.#state.get(key))
    this.#state.set(key, entry)
    if (this.#pending.get(key) === entry) this.#pending.delete(key)
  }

  /** Takes in what a committed event of another server changed; plain: its own place and nothing else. */
  merge(
    event: { eventId: EventId; position: number },
    {
      entries,
      members,
      isPlain,
    }: { entries: readonly StateEntryChange[]; members: readonly MemberWrite[]; isPlain: boolean },
  ): void {
    if (!isPlain) this.plainSince = event.position
    for (const { type, stateKey, entry } of entries) {
      const key = keyOf(type, stateKey)
      if (entry?.eventId === event.eventId) this.replacedState.set(event.eventId, this.#state.get(key))
      if (entry) this.#state.set(key, entry)
      else this.#state.delete(key)
    }
    for (const member of members) this.#setMember(member, event.position)
  }

  /** Takes older events, oldest first, in front of `recent`; all after `from` are among them or there already. */
  prefill(events: readonly StoredEvent[], from: number): void {
    if (from >= this.recentFrom) return
    this.recent.unshift(...events.filter(({ position }) => position <= this.recentFrom && position > from))
    this.recentFrom = from
  }

  /** Empties a redacted event wherever the line keeps it. */
  redact(event: Pick<StoredEvent, 'eventId' | 'clientJson' | 'graphJson' | 'redactedBy'>): void {
    const index = this.recent.findIndex(({ eventId }) => eventId === event.eventId)
    const kept = this.recent[index]
    if (kept) this.recent[index] = { ...kept, ...event }
    for (const entries of [this.#state, this.replacedState])
      for (const entry of entries.values()) if (entry?.eventId === event.eventId) entry.pdu = undefined
  }

  #dropOldest(): void {
    const oldest = this.recent.shift()
    if (!oldest) return
    this.recentFrom = oldest.position
    this.replacedState.delete(oldest.eventId)
  }

  #setMember({ userId, membership }: Pick<Standing, 'userId' | 'membership'>, since: number | undefined): void {
    const replaced = this.#members.get(userId)
    if (replaced) this.#counts[replaced]--
    this.#counts[membership]++
    if (replaced === 'join' && membership === 'join') return
    // Members stand in order of arrival, as the store lists them.
    this.#members.delete(userId)
    this.#members.set(userId, membership)
    this.localUsers.delete(userId)
    this.#joinedAt.delete(userId)
    if (membership !== 'join' || serverOf(userId) !== this.#serverName) return
    this.localUsers.add(userId)
    if (since !== undefined) this.#joinedAt.set(userId, since)
  }
}
