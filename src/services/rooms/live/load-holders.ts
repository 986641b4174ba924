import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { Holder, RoomLine } from './room-line.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'

/** Loads the PDUs of some state keys into the line, in one query, where they are not there yet. */
export function loadHolders(
  ctx: Pick<Context, 'store'>,
  line: RoomLine,
  keys: readonly (readonly [type: string, stateKey: string])[],
): Promise<void> {
  return loadPdusOf(
    ctx,
    line,
    keys.map(([type, stateKey]) => line.nextHolder(type, stateKey)),
  )
}

/** The same for who holds them. */
export async function loadPdusOf(
  ctx: Pick<Context, 'store'>,
  line: RoomLine,
  holders: readonly (Holder | undefined)[],
): Promise<void> {
  const missing = new Map<number, Holder>()
  for (const holder of holders)
    if (holder && !holder.pdu && holder.position !== undefined) missing.set(holder.position, holder)
  if (missing.size === 0) return
  for (const event of await readSettled(ctx, line, [...missing.keys()])) {
    const holder = missing.get(event.position)
    if (holder) holder.pdu = storedPdu(event, line)
  }
}

/** Reads again when the room moved on meanwhile: what was read may have been redacted since, and would stay in memory. */
async function readSettled(
  ctx: Pick<Context, 'store'>,
  line: RoomLine,
  positions: readonly number[],
): Promise<StoredEvent[]> {
  for (;;) {
    const { lastPosition } = line
    const events = await ctx.store.events.atPositions(positions)
    if (line.lastPosition === lastPosition) return events
  }
}
