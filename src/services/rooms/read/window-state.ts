import type { Context } from '#context.ts'
import type { CompiledRoomEventFilter } from '#protocol/filters/filter.ts'
import type { UserId } from '#protocol/ids.ts'
import type { StateKey } from '#protocol/state-resolution/state-map.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { EventLoader } from '#services/rooms/events/event-loader.ts'
import { stateKey as keyOf } from '#protocol/state-resolution/state-map.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { stateAtPosition, wholeStateAt } from '#services/rooms/state/state-at-position.ts'
import { citedMembers } from './cited-members.ts'
import { letsThrough } from './filterable.ts'
import { nidOf } from './history-intervals.ts'
import { isWithin, momentsOf, type Reader } from './readable.ts'
import { findReplacedState } from './replaced-state.ts'
import { firstOfKeys, keyOfEvent } from './window.ts'

const member = 'm.room.member'

/** Which state a client wants beside a timeline. */
export type WantedState = {
  filter: CompiledRoomEventFilter
  /** Position at which the client knows the state; undefined: it knows nothing. */
  knownAt: number | undefined
  /** Whether it takes no state from the timeline but wants all of it here (MSC4222). */
  isAfter: boolean
  /** With lazy loading: of whom the client needs the member event, given who speaks in the timeline. */
  lazyMembers: ((senders: readonly UserId[], isLimited: boolean) => readonly UserId[]) | undefined
}

type Needs = Pick<Context, 'store'>

type Beside = {
  /** The timeline as it is sent, oldest first. */
  events: readonly StoredEvent[]
  limited: boolean
  upTo: number
  state: WantedState
  loader: EventLoader
}

/**
 * The state that the client needs beside a timeline to know it at the end: of keys that the timeline does not show,
 * what holds at the end; of those it shows, what held before, as far as the client is to know it.
 */
export async function windowState(ctx: Needs, reader: Reader, beside: Beside): Promise<StoredEvent[]> {
  const { room } = reader
  const { filter, isAfter, knownAt, lazyMembers } = beside.state
  if (filter.matchesNothing || !filter.matchesRoom(room.roomId)) return []
  const shown = isAfter ? new Map<StateKey, StoredEvent>() : firstOfKeys(beside.events)
  const senders = [...new Set(beside.events.map(({ sender }) => sender))]
  const members = lazyMembers?.(senders, beside.limited)
  const [atEnd, lazy, before] = await Promise.all([
    knownAt === undefined ? allState(ctx, room, beside) : changedState(ctx, room, { ...beside, knownAt }),
    membersAt(ctx, room, { ...beside, members: members ?? [] }),
    replaced(ctx, reader, { ...beside, shown: [...shown.values()], members }),
  ])
  const included = new Map<number, StoredEvent>()
  const include = (event: StoredEvent) => letsThrough(filter, event) && included.set(event.position, event)
  const isShown = (event: StoredEvent) => shown.size > 0 && shown.has(keyOfEvent(event) ?? '\0')
  for (const events of [atEnd, lazy]) for (const event of events) if (!isShown(event)) include(event)
  for (const event of before) include(event)
  return [...included.values()]
}

/** Everything but the members, where these are loaded lazily. */
function allState(ctx: Needs, room: LiveRoom, { upTo, loader, state }: Beside): Promise<StoredEvent[]> {
  const isWanted = ({ type }: { type: string }) => !state.lazyMembers || type !== member
  if (upTo < room.lastPosition) return wholeStateAt(ctx, room, { position: upTo, isWanted })
  const positions: number[] = []
  for (const entry of room.state.values()) if (isWanted(entry)) positions.push(entry.position ?? 0)
  return loader.loadAll(positions)
}

type Stretch = Pick<Beside, 'upTo'> & { knownAt: number }

/** Every change of a membership is among them, lazy or not: clients must know who has gone. */
async function changedState(ctx: Needs, room: LiveRoom, { upTo, knownAt }: Stretch): Promise<StoredEvent[]> {
  if (upTo <= knownAt) return []
  return changesInMemory(room, { upTo, knownAt }) ?? ctx.store.rooms.state.changes([nidOf(room)], knownAt, upTo)
}

/** The last event of each key in the stretch, when the room remembers all of it. */
function changesInMemory(room: LiveRoom, { upTo, knownAt }: Stretch): StoredEvent[] | undefined {
  if (room.recentFrom > knownAt || room.plainSince > knownAt) return undefined
  const changes = new Map<StateKey, StoredEvent>()
  for (const event of room.recent) {
    const key = event.position > knownAt && event.position <= upTo ? keyOfEvent(event) : undefined
    if (key !== undefined) changes.set(key, event)
  }
  return [...changes.values()]
}

async function membersAt(
  ctx: Needs,
  room: LiveRoom,
  { members, events, upTo, loader }: Beside & { members: readonly UserId[] },
): Promise<StoredEvent[]> {
  const entries = members.map((user) => room.entry(member, user)).filter((entry) => entry !== undefined)
  const [known, cited] = await Promise.all([
    stateAtPosition({ ...ctx, loader }, room, { position: upTo, entries }),
    citedMembers(ctx, room, { events, senders: members }),
  ])
  return [...known, ...cited]
}

type Shown = Beside & { shown: readonly StoredEvent[]; members: readonly UserId[] | undefined }

/** What stood in the place of the first events of their keys, where it is news to the client and it may know it. */
async function replaced(
  ctx: Needs,
  reader: Reader,
  { shown, members, state: { knownAt }, loader }: Shown,
): Promise<StoredEvent[]> {
  if (shown.length === 0) return []
  const { room } = reader
  const wanted = new Set(members?.map((user) => keyOf(member, user)))
  const isLazy = ({ type }: StoredEvent) => members !== undefined && type === member
  const isWanted = (event: StoredEvent) => wanted.has(keyOfEvent(event) ?? '\0')
  // Under lazy loading a client that has not seen a member needs no earlier membership event of theirs.
  const candidates = shown.filter((event) => knownAt !== undefined || !isLazy(event) || isWanted(event))
  const found = await findReplacedState(ctx, room, candidates)
  const news = candidates.filter((event) => {
    const position = found.get(event.eventId)?.position
    return position !== undefined && (knownAt === undefined || position > knownAt || isWanted(event))
  })
  const known = await mayKnowBefore(ctx, reader, news)
  return loader.loadAll(known.flatMap(({ eventId }) => found.get(eventId)?.position ?? []))
}

/** Of some events those just before which the reader may know the state of the room. */
async function mayKnowBefore(ctx: Needs, { room, userId }: Reader, events: StoredEvent[]): Promise<StoredEvent[]> {
  const joinedAt = room.members.get(userId) === 'join' ? room.joinedAt(userId) : undefined
  if (joinedAt !== undefined && events.every(({ position }) => position > joinedAt)) return events
  if (events.length === 0) return events
  const moments = await momentsOf(ctx, { room, userId })
  return events.filter(({ position }) => isWithin(moments, position - 1))
}
