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

/** An event and all that was found of its previous events and auth events. */
export type Ancestors = {
  events: Map<EventId, CheckedEvent>
  /** Those on the way back along previous events; the others are auth events only. */
  followed: Set<EventId>
}

type Search = Ancestors & {
  room: LiveRoom
  origin: ServerName
  /** Fetched events that nothing refers to yet; their signatures are checked once something does. */
  unverified: Map<EventId, ReadEvent>
  refused: Set<EventId>
}

type Lacking = { prevs: EventId[]; auths: EventId[] }

/**
 * Fetches the events between an event and those in the timeline here, and missing auth events. Bounded in
 * rounds and events; whatever is still missing then stays so.
 */
export async function fetchAncestors(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  { event, origin }: { event: CheckedEvent; origin: ServerName },
): Promise<Ancestors> {
  const search = startSearch(room, { event, origin })
  for (let round = 0; round < maxRounds && search.events.size < maxEvents; round++) {
    const lacking = await lackingIn(ctx, search)
    if (lacking.prevs.length + lacking.auths.length === 0) break
    const isNew = (await take(ctx, search, lacking)) || (await ask(ctx, search, lacking))
    if (!isNew) break
  }
  return search
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

/** Takes what was fetched before and is wanted now; false where nothing was. */
async function take(ctx: ReceiveNeeds, search: Search, { prevs, auths }: Lacking): Promise<boolean> {
  const { room, events, followed, unverified, refused } = search
  const { version } = room
  let isNew = false
  for (const id of new Set([...prevs, ...auths])) {
    const event = unverified.get(id)
    if (!event || events.size >= maxEvents) continue
    unverified.delete(id)
    isNew = true
    const checked = await checkIntegrity(ctx, event, version)
    if ('violation' in checked) refused.add(id)
    else events.set(id, checked)
  }
  for (const id of prevs) if (events.has(id)) followed.add(id)
  return isNew
}

/** Asks the origin; false where the answer brings nothing of what is wanted. */
async function ask(ctx: ReceiveNeeds, search: Search, { prevs, auths }: Lacking): Promise<boolean> {
  const { room, origin, events, followed } = search
  const source = { origin, roomId: room.roomId }
  const wanted = [...new Set([...prevs, ...auths])]
  const isAnswered = () => wanted.some((id) => search.unverified.has(id))
  if (prevs.length > 0) {
    const missing = new Set(prevs)
    const latest = [...followed].filter((id) =>
      prevEventIds(events.get(id)!.pdu, room.version).some((prev) => missing.has(prev)),
    )
    const between = { earliest: room.forwardExtremities, latest, limit: 100 }
    offer(search, await ctx.missingEvents.fetchMissing(source, between))
  }
  if (!isAnswered() || auths.some((id) => !search.unverified.has(id)))
    offer(
      search,
      await ctx.missingEvents.fetchEvents(
        source,
        wanted.filter((id) => !search.unverified.has(id)),
      ),
    )
  return isAnswered()
}

function offer({ room, events, unverified, refused }: Search, values: readonly JsonValue[]): void {
  for (const value of values) {
    if (unverified.size >= maxOffered) return
    const event = checkFormat(value, room)
    if ('eventId' in event && !events.has(event.eventId) && !refused.has(event.eventId))
      unverified.set(event.eventId, event)
  }
}
