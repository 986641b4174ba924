import type { Context } from '#context.ts'
import { redactedEventId, type Pdu } from '#protocol/events/event.ts'
import { readPowerLevels } from '#protocol/rooms/power-levels.ts'
import { mayRedact } from '#protocol/events/redaction-permission.ts'
import { redact } from '#protocol/events/redaction.ts'
import type { EventWrite } from '#store/rooms/room-write.ts'
import { loadHolders } from '#services/rooms/live/load-holders.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'
import { splitPdu, storedPdu } from '#services/rooms/events/stored-pdu.ts'

/** What a redaction does: the redacted event as it will stand, or that it has to wait for it; or nothing. */
export async function redactionBy(
  ctx: Pick<Context, 'store'>,
  line: RoomLine,
  redaction: Pdu,
): Promise<Pick<EventWrite, 'redaction' | 'awaits'>> {
  const targetId = redactedEventId(redaction, line.version)
  const stored = targetId && (await ctx.store.events.find(targetId))
  if (!stored) return { awaits: targetId }
  if (stored.roomNid !== line.nid) return {}
  const target = storedPdu(stored, line)
  await loadHolders(ctx, line, [
    ['m.room.create', ''],
    ['m.room.power_levels', ''],
  ])
  const pduOf = (type: string) => line.nextHolder(type, '')?.pdu
  const levels = readPowerLevels(
    { powerLevels: pduOf('m.room.power_levels'), create: pduOf('m.room.create') },
    line.version,
  )
  if (!mayRedact({ redaction, target, levels }, line.version)) return {}
  return { redaction: { eventId: stored.eventId, ...splitPdu(redact(target, line.version)) } }
}
