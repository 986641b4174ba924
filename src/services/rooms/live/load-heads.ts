import type { Context } from '#context.ts'
import type { EventId } from '#protocol/ids.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { RoomLine } from './room-line.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'

/** Loads the events that the next one follows into the line, where they are not there yet. */
export async function loadHeads(ctx: Pick<Context, 'store'>, line: RoomLine): Promise<void> {
  const missing = line.heads.filter((head) => !line.headPdus.has(head))
  if (missing.length === 0) return
  const pdus = new Map<EventId, Pdu>(line.headPdus)
  for (const event of await ctx.store.events.findMany(missing)) pdus.set(event.eventId, storedPdu(event, line))
  line.headPdus = pdus
}
