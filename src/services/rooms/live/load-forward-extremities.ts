import type { Context } from '#context.ts'
import type { EventId } from '#protocol/ids.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { LiveRoom } from './live-room.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'

/** Loads the events that the next one follows into the line, where they are not there yet. */
export async function loadForwardExtremities(ctx: Pick<Context, 'store'>, room: LiveRoom): Promise<void> {
  const missing = room.forwardExtremities.filter((forwardExtremity) => !room.forwardExtremityPdus.has(forwardExtremity))
  if (missing.length === 0) return
  const pdus = new Map<EventId, Pdu>(room.forwardExtremityPdus)
  for (const event of await ctx.store.rooms.events.findMany(missing)) pdus.set(event.eventId, storedPdu(event, room))
  room.forwardExtremityPdus = pdus
}
