import type { Context } from '#context.ts'
import { redactedEventId, type Pdu } from '#protocol/event.ts'
import { readPowerLevels } from '#protocol/power-levels.ts'
import { mayRedact } from '#protocol/redaction-permission.ts'
import { redact } from '#protocol/redaction.ts'
import type { EventWrite } from '#store/room-write.ts'
import { loadHolders } from './load-holders.ts'
import type { RoomLine } from './room-line.ts'
import { splitPdu, storedPdu } from './stored-pdu.ts'

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
