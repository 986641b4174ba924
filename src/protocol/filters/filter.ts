import type { JsonObject } from '#protocol/events/event.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#filtering */
export type EventFilter = {
  limit?: number
  types?: string[]
  not_types?: string[]
  senders?: string[]
  not_senders?: string[]
}

export type RoomEventFilter = EventFilter & {
  rooms?: string[]
  not_rooms?: string[]
  contains_url?: boolean
  lazy_load_members?: boolean
  include_redundant_members?: boolean
  unread_thread_notifications?: boolean
  related_by_rel_types?: string[]
  related_by_senders?: string[]
}

type RoomFilter = {
  rooms?: string[]
  not_rooms?: string[]
  include_leave?: boolean
  account_data?: RoomEventFilter
  ephemeral?: RoomEventFilter
  state?: RoomEventFilter
  timeline?: RoomEventFilter
}

export type Filter = {
  event_fields?: string[]
  event_format?: 'client' | 'federation'
  account_data?: EventFilter
  presence?: EventFilter
  room?: RoomFilter
}

/** What a filter looks at; the room is asked for apart, since account data and create events do not name theirs. */
type Filterable = { type: string; sender?: UserId; content?: JsonObject }

export type CompiledEventFilter = {
  /** At most this many events. */
  limit: number
  /** True when no event can pass, so that nothing need be read. */
  matchesNothing: boolean
  matches: (event: Filterable) => boolean
}

export type CompiledRoomEventFilter = CompiledEventFilter & {
  matchesRoom: (roomId: RoomId) => boolean
  /** Whether it looks at more of an event than its type and sender. */
  readsContent: boolean
  lazyLoadMembers: boolean
  includeRedundantMembers: boolean
  unreadThreadNotifications: boolean
  /** Only events that others relate to, by one of these relation types or senders: for the caller, who can see relations. */
  relatedByRelTypes?: readonly string[]
  relatedBySenders?: readonly string[]
}

export type CompiledFilter = {
  /** Absent: every field. */
  eventFields?: readonly string[]
  eventFormat: 'client' | 'federation'
  includeLeave: boolean
  /** Comes before `matchesRoom` of the sections. */
  matchesRoom: (roomId: RoomId) => boolean
  accountData: CompiledEventFilter
  presence: CompiledEventFilter
  roomAccountData: CompiledRoomEventFilter
  ephemeral: CompiledRoomEventFilter
  state: CompiledRoomEventFilter
  timeline: CompiledRoomEventFilter
}

const defaultEventLimit = 10
export const maxEventLimit = 100

/** Expects a filter that `filterViolation` has nothing against. */
export function compileFilter(given: Filter): CompiledFilter {
  const filter = withoutNulls(given)
  const room = filter.room ?? {}
  return {
    eventFields: filter.event_fields,
    eventFormat: filter.event_format ?? 'client',
    includeLeave: room.include_leave ?? false,
    matchesRoom: allows(room.rooms, room.not_rooms),
    accountData: compileEventFilter(filter.account_data),
    presence: compileEventFilter(filter.presence),
    roomAccountData: compileRoomEventFilter(room.account_data),
    ephemeral: compileRoomEventFilter(room.ephemeral),
    state: compileRoomEventFilter(room.state),
    timeline: compileRoomEventFilter(room.timeline),
  }
}

/** The filter that /messages, /context and /search take by themselves. */
export function compileRoomEventFilter(given: RoomEventFilter = {}): CompiledRoomEventFilter {
  const filter = withoutNulls(given)
  const events = compileEventFilter(filter)
  const url = filter.contains_url
  return {
    ...events,
    matches: (event) => events.matches(event) && (url === undefined || url === containsUrl(event)),
    matchesNothing: events.matchesNothing || filter.rooms?.length === 0,
    matchesRoom: allows(filter.rooms, filter.not_rooms),
    readsContent: url !== undefined,
    lazyLoadMembers: filter.lazy_load_members ?? false,
    includeRedundantMembers: filter.include_redundant_members ?? false,
    unreadThreadNotifications: filter.unread_thread_notifications ?? false,
    relatedByRelTypes: filter.related_by_rel_types,
    relatedBySenders: filter.related_by_senders,
  }
}

/** Clients write null for what they have nothing to say about. */
function withoutNulls<T extends object>(filter: T): T {
  const fields = Object.entries(filter).filter(([, value]) => value !== null)
  return Object.fromEntries(fields.map(([key, value]) => [key, isFilter(value) ? withoutNulls(value) : value])) as T
}

const isFilter = (value: unknown): value is object => typeof value === 'object' && !Array.isArray(value)

/** For account data and presence outside rooms. */
export function compileEventFilter(filter: EventFilter = {}): CompiledEventFilter {
  const type = allowsType(filter.types, filter.not_types)
  const sender = allows(filter.senders, filter.not_senders)
  return {
    limit: Math.min(filter.limit ?? defaultEventLimit, maxEventLimit),
    matchesNothing:
      filter.types?.length === 0 || filter.senders?.length === 0 || (filter.not_types ?? []).includes('*'),
    matches: (event) => type(event.type) && sender(event.sender),
  }
}

const containsUrl = ({ content }: Filterable) => content !== undefined && Object.hasOwn(content, 'url')

type Test = (value: string | undefined) => boolean

/** Excluding wins over including; an absent list includes everything, an empty one nothing. */
function allows(included: string[] | undefined, excluded: string[] | undefined): Test {
  return both(included && oneOf(included), excluded && oneOf(excluded))
}

function allowsType(included: string[] | undefined, excluded: string[] | undefined): Test {
  return both(included && oneOfPatterns(included), excluded && oneOfPatterns(excluded))
}

const both =
  (included: Test = () => true, excluded: Test = () => false): Test =>
  (value) =>
    included(value) && !excluded(value)

function oneOf(values: readonly string[]): Test {
  const set = new Set<string | undefined>(values)
  return (value) => set.has(value)
}

function oneOfPatterns(patterns: readonly string[]): Test {
  const exact = oneOf(patterns.filter((pattern) => !pattern.includes('*')))
  const wild = patterns.filter((pattern) => pattern.includes('*')).map((pattern) => pattern.split('*'))
  return (value) => value !== undefined && (exact(value) || wild.some((pieces) => containsInOrder(value, pieces)))
}

/** Whether the text is the pieces in order with anything between them; unlike in globs, `?` is an ordinary character. */
function containsInOrder(text: string, pieces: readonly string[]): boolean {
  const first = pieces[0] ?? ''
  const last = pieces.at(-1) ?? ''
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false
  let at = first.length
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at)
    if (found === -1) return false
    at = found + piece.length
  }
  return at <= text.length - last.length
}
