import type { Context } from '#context.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { nidOf } from './reader-spans.ts'
import type { Holder, RoomLine } from '#services/rooms/live/room-line.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'

/** What a state event replaced. */
export type Former = { eventId: EventId; position: number; pdu: Pdu }

/** What state events replaced, by their ids: from memory where this process saw it, else in one query for all. */
export async function findFormers(
  ctx: Pick<Context, 'store'>,
  line: RoomLine,
  events: readonly StoredEvent[],
): Promise<Map<EventId, Former>> {
  const formers = new Map<EventId, Former>()
  const unknown: StoredEvent[] = []
  for (const event of events) {
    if (event.stateKey === null) continue
    const holder = line.formers.get(event.eventId)
    if (holder?.pdu && holder.position !== undefined)
      formers.set(event.eventId, { eventId: holder.eventId, position: holder.position, pdu: holder.pdu })
    else if (holder || !line.formers.has(event.eventId)) unknown.push(event)
  }
  if (unknown.length > 0) for (const [id, former] of await readFormers(ctx, line, unknown)) formers.set(id, former)
  return formers
}

async function readFormers(
  ctx: Pick<Context, 'store'>,
  line: RoomLine,
  events: readonly StoredEvent[],
): Promise<Map<EventId, Former>> {
  const formers = new Map<EventId, Former>()
  const positions = events.map(({ position }) => position)
  const { lastPosition } = line
  const found = await ctx.store.roomState.formers(nidOf(line), positions)
  // What was read may have been redacted since: then it must not stay in memory.
  const isSettled = line.lastPosition === lastPosition
  for (const { eventId, position } of events) {
    const stored = found.get(position)
    const former = stored && { eventId: stored.eventId, position: stored.position, pdu: storedPdu(stored, line) }
    if (former) formers.set(eventId, former)
    if (isSettled && position > line.recentFrom) line.formers.set(eventId, former && holderOf(former))
  }
  return formers
}

const holderOf = ({ eventId, position, pdu }: Former): Holder => ({
  type: pdu.type,
  stateKey: pdu.state_key ?? '',
  eventId,
  from: position,
  position,
  pdu,
})
