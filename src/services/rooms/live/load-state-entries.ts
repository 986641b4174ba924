import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { StateEntry, LiveRoom } from './live-room.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'

/** Loads the PDUs of some state keys into the line, in one query, where they are not there yet. */
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

/** The same for who holds them. */
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
    if (!entry) continue
    entry.pdu = storedPdu(event, room)
    room.loadedBytes += 2 * (event.clientJson.length + event.graphJson.length)
  }
}

/** Reads again when the room moved on meanwhile: what was read may have been redacted since, and would stay in memory. */
async function readSettled(
  ctx: Pick<Context, 'store'>,
  room: LiveRoom,
  positions: readonly number[],
): Promise<StoredEvent[]> {
  for (;;) {
    const { lastPosition } = room
    const events = await ctx.store.rooms.events.atPositions(positions)
    if (room.lastPosition === lastPosition) return events
  }
}
