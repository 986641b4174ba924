import type { Context } from '#context.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { GraphEvent } from '#store/rooms/events.ts'
import type { LiveRoom } from './live-room.ts'
import type { StateEntry } from './state-entry.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'

/** Loads the PDUs of some state keys into the room, in one query, where they are not there yet. */
export function loadStateEntries(
  ctx: Pick<Context, 'store'>,
  room: LiveRoom,
  keys: readonly (readonly [type: string, stateKey: string])[],
): Promise<void> {
  return loadPdusOf(
    ctx,
    room,
    keys.map(([type, stateKey]) => room.nextStateEntry(type, stateKey)),
  )
}

/** The same for state entries. */
export async function loadPdusOf(
  ctx: Pick<Context, 'store'>,
  room: LiveRoom,
  entries: readonly (StateEntry | undefined)[],
): Promise<void> {
  const missing = new Map<number, StateEntry>()
  for (const entry of entries)
    if (entry && !entry.pdu && entry.position !== undefined) missing.set(entry.position, entry)
  if (missing.size === 0) return
  for (const event of await readSettled(ctx, room, [...missing.keys()])) {
    const entry = missing.get(event.position)
    const bytes = event.clientJson.length + event.graphJson.length
    if (entry) room.cacheStateEvent(entry, storedPdu(event, room), bytes)
  }
}

/** Reads again when the room moved on meanwhile: what was read may have been redacted since, and would stay in memory. */
async function readSettled(
  ctx: Pick<Context, 'store'>,
  room: LiveRoom,
  positions: readonly number[],
): Promise<GraphEvent[]> {
  for (;;) {
    const { lastPosition } = room
    const events = await ctx.store.rooms.events.atPositions(positions)
    if (room.lastPosition === lastPosition) return events
  }
}

/** Loads the events that the next one follows into the room, where they are not there yet. */
export async function loadForwardExtremities(ctx: Pick<Context, 'store'>, room: LiveRoom): Promise<void> {
  const missing = room.forwardExtremities.filter((forwardExtremity) => !room.forwardExtremityPdus.has(forwardExtremity))
  if (missing.length === 0) return
  const pdus = new Map<EventId, Pdu>(room.forwardExtremityPdus)
  for (const event of await ctx.store.rooms.events.findMany(missing)) pdus.set(event.eventId, storedPdu(event, room))
  room.cacheForwardExtremities(pdus)
}
