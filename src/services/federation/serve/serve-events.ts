import { notFound } from '#base/errors.ts'
import type { Pdu } from '#protocol/events/event.ts'
import { redact } from '#protocol/events/redaction.ts'
import { isValidEventId, type EventId } from '#protocol/ids.ts'
import { storedPdu, storedPduText } from '#services/rooms/events/stored-pdu.ts'
import { isWithin } from '#services/rooms/read/readable.ts'
import { valueAt } from '#services/rooms/read/history-intervals.ts'
import { isInTimeline } from '#services/rooms/state/state-before.ts'
import type { GraphEvent } from '#store/rooms/events.ts'
import type { Serving, ServingNeeds } from './open-serving.ts'
import { serverMemberships } from './server-ranges.ts'

/** The same for an event that is unknown, of another room, or not for others. */
export const unknownEvent = () => notFound('The event was not found')

/**
 * Those of some events that servers in the room may ask for, by id. Rejected events are nobody's. An outlier is only
 * state or an auth event of what the room holds: servers in the room need it to follow the room, others get none.
 */
export async function servedEvents(
  { store }: Pick<ServingNeeds, 'store'>,
  { room, isJoined }: Serving,
  ids: readonly string[],
): Promise<Map<EventId, GraphEvent>> {
  const found = await store.rooms.events.findMany(ids.filter(isValidEventId))
  const isServed = (event: GraphEvent) =>
    event.roomNid === room.nid &&
    event.status !== 'rejected' &&
    (isInTimeline(event) ? event.position > room.purgedUpTo : isJoined && event.stateKey !== null)
  return new Map(found.filter(isServed).map((event) => [event.eventId, event]))
}

/** The event of this id; throws M_NOT_FOUND for all that are not served. */
export async function servedEvent(
  ctx: Pick<ServingNeeds, 'store'>,
  serving: Serving,
  eventId: string,
): Promise<GraphEvent> {
  const event = (await servedEvents(ctx, serving, [eventId])).get(eventId as EventId)
  if (!event) throw unknownEvent()
  return event
}

/**
 * The JSON of events as the server gets them: redacted where no user of it may see them, so that the graph stays whole
 * for it and its signatures true. Events of erased users are whole only for servers that were in the room then.
 */
export async function pduTexts(
  ctx: Pick<ServingNeeds, 'store' | 'erasedUsers'>,
  serving: Serving,
  events: readonly GraphEvent[],
): Promise<string[]> {
  const { room, ranges } = serving
  const erased = await ctx.erasedUsers.all()
  const ofErased = events.filter(({ sender, stateKey }) => stateKey === null && erased.has(sender))
  const memberships = ofErased.length === 0 ? [] : await serverMemberships(ctx, room, serving.server)
  const isHidden = (event: GraphEvent) =>
    (isInTimeline(event) && !isWithin(ranges, event.position)) ||
    (ofErased.includes(event) && valueAt(memberships, event.position) !== 'join')
  return events.map((event) =>
    isHidden(event) ? JSON.stringify(redact<Pdu>(storedPdu(event, room), room.version)) : storedPduText(event, room),
  )
}
