import { type JsonValue, authEventIds, prevEventIds } from '#protocol/events/event.ts'
import type { ReadEvent } from '#protocol/events/read-event.ts'
import type { EventId, ServerName } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { isInTimeline } from '#services/rooms/state/state-before.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import { checkFormat, checkIntegrity } from './check-event.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { ReceiveNeeds } from './ports.ts'

/** What one event may make us fetch and keep in memory. */
const maxEvents = 1000
const maxRounds = 100
const maxOffered = 2000

/** How often a server is asked what lies before, and for how much at once. */
const maxWalks = 10
const walkLimit = 100
/** Servers cut their answers short, Synapse at 20: an answer of fewer events than this is all that can be had so. */
const leastWhenCut = 10

/** An event and all that was found of its previous events and auth events. */
export type Ancestors = {
  events: Map<EventId, CheckedEvent>
  /** Those on the way back along previous events; the others are auth events only. */
  followed: Set<EventId>
}

/** What is still wanted of them, and whom to ask. */
export type Search = Ancestors & {
  room: LiveRoom
  origin: ServerName
  /** Fetched events that nothing refers to yet; their signatures are checked once something does. */
  unverified: Map<EventId, ReadEvent>
  refused: Set<EventId>
}

type Lacking = { prevs: EventId[]; auths: EventId[] }

/**
 * Fetches the events between an event and those in the timeline here, as far as the server that sent it gives them when
 * it is asked for what lies before. Single ones are not asked for: whoever sends an event has its past. Bounded in
 * requests and events; what is still missing then stays so.
 */
export async function fetchAncestors(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  { event, origin }: { event: CheckedEvent; origin: ServerName },
): Promise<Search> {
  const search = startSearch(room, { event, origin })
  for (let walks = 0, isMore = true; ; walks++) {
    const { prevs } = await takeOffered(ctx, search)
    if (prevs.length === 0 || !isMore || walks === maxWalks || search.events.size >= maxEvents) return search
    const answer = await walkBack(ctx, search, prevs)
    await offer(ctx, search, answer)
    isMore = answer.length >= leastWhenCut
  }
}

/** Fetches the auth events that are missing here, and theirs, one by one. Bounded in rounds and events. */
export async function fetchAuthEvents(ctx: ReceiveNeeds, search: Search): Promise<void> {
  const source = { origin: search.origin, roomId: search.room.roomId }
  for (let round = 0; round < maxRounds && search.events.size < maxEvents; round++) {
    const { auths } = await takeOffered(ctx, search)
    if (auths.length === 0) return
    await offer(ctx, search, await ctx.missingEvents.fetchEvents(source, auths))
    if (!auths.some((id) => search.unverified.has(id))) return
  }
}

/** An event of which nothing needs to be fetched. */
export const withoutAncestors = (event: CheckedEvent): Ancestors => ({
  events: new Map([[event.eventId, event]]),
  followed: new Set([event.eventId]),
})

const startSearch = (room: LiveRoom, { event, origin }: { event: CheckedEvent; origin: ServerName }): Search => ({
  ...withoutAncestors(event),
  room,
  origin,
  unverified: new Map(),
  refused: new Set(),
})

/** Takes what is wanted of what was fetched; answers what is lacking then. */
async function takeOffered(ctx: ReceiveNeeds, search: Search): Promise<Lacking> {
  for (;;) {
    const lacking = await lackingIn(ctx, search)
    if (!(await take(ctx, search, lacking))) return lacking
  }
}

/** Ids of events that were not fetched and are not stored, or stored only as outliers where they must be in the timeline. */
async function lackingIn(ctx: ReceiveNeeds, search: Search): Promise<Lacking> {
  const { room, events, followed } = search
  const prevs = new Set<EventId>()
  // A set visits what is added to it under way, each once.
  for (const id of followed)
    for (const prev of prevEventIds(events.get(id)!.pdu, room.version)) {
      if (events.has(prev)) followed.add(prev)
      else prevs.add(prev)
    }
  const auths = new Set<EventId>()
  for (const { pdu } of events.values())
    for (const auth of authEventIds(pdu, room.version)) if (!events.has(auth)) auths.add(auth)
  let isMoved = false
  for (const stored of await ctx.store.rooms.events.findMany([...new Set([...prevs, ...auths])])) {
    auths.delete(stored.eventId)
    if (!prevs.has(stored.eventId) || (stored.roomNid === room.nid && isInTimeline(stored)))
      prevs.delete(stored.eventId)
    else if (stored.roomNid === room.nid) {
      // An outlier need not be fetched, but it has to come into the timeline first.
      events.set(stored.eventId, { eventId: stored.eventId, pdu: storedPdu(stored, room) })
      isMoved = true
    }
  }
  if (isMoved) return lackingIn(ctx, search)
  const isOpen = (id: EventId) => !search.refused.has(id)
  return { prevs: [...prevs].filter(isOpen), auths: [...auths].filter(isOpen) }
}

/** Takes what was fetched before and is wanted now, with all that it refers to in turn; false where nothing was. */
async function take(ctx: ReceiveNeeds, search: Search, { prevs, auths }: Lacking): Promise<boolean> {
  const { room, events, followed, unverified, refused } = search
  const onTheWay = new Set(prevs)
  const wanted = new Set([...prevs, ...auths])
  let isNew = false
  // A set visits what is added to it under way, each once.
  for (const id of wanted) {
    const event = unverified.get(id)
    if (!event || events.size >= maxEvents) continue
    unverified.delete(id)
    isNew = true
    const checked = await checkIntegrity(ctx, event, room.version)
    if ('violation' in checked) refused.add(id)
    else {
      events.set(id, checked)
      const before = onTheWay.has(id) ? prevEventIds(checked.pdu, room.version) : []
      for (const prev of before) onTheWay.add(prev)
      for (const cited of [...before, ...authEventIds(checked.pdu, room.version)]) wanted.add(cited)
    }
  }
  for (const id of onTheWay) if (events.has(id)) followed.add(id)
  return isNew
}

/** Asks the origin for what lies before the events of which previous ones are missing. */
function walkBack(
  ctx: ReceiveNeeds,
  { room, origin, events, followed }: Search,
  prevs: readonly EventId[],
): Promise<readonly JsonValue[]> {
  const missing = new Set(prevs)
  const isEdge = (id: EventId) => prevEventIds(events.get(id)!.pdu, room.version).some((prev) => missing.has(prev))
  const between = { earliest: room.forwardExtremities, latest: [...followed].filter(isEdge), limit: walkLimit }
  return ctx.missingEvents.fetchMissing({ origin, roomId: room.roomId }, between)
}

/** Keeps what another server gave; what is in the timeline here is none of it. */
async function offer(ctx: ReceiveNeeds, search: Search, values: readonly JsonValue[]): Promise<void> {
  const { room, events, unverified, refused } = search
  const offered = values.flatMap((value) => {
    const event = checkFormat(value, room)
    return 'eventId' in event && !events.has(event.eventId) && !refused.has(event.eventId) ? event : []
  })
  const stored = await ctx.store.rooms.events.findMany(offered.map(({ eventId }) => eventId))
  const known = new Set(stored.flatMap((one) => (one.roomNid === room.nid && isInTimeline(one) ? one.eventId : [])))
  for (const event of offered)
    if (unverified.size < maxOffered && !known.has(event.eventId)) unverified.set(event.eventId, event)
}
