import type { Context } from '#context.ts'
import { redactedEventId, type Pdu } from '#protocol/event.ts'
import { readPowerLevels } from '#protocol/power-levels.ts'
import { mayRedact } from '#protocol/redaction-permission.ts'
import { redact } from '#protocol/redaction.ts'
import type { EventWrite } from '#store/room-write.ts'
import { loadHolders } from './load-holders.ts'
import type { RoomLine } from './room-line.ts'
import { splitPdu, storedPdu } from './stored-pdu.ts'

/** The redacted event as it will stand; undefined where the redaction has no effect. */
export async function redactionBy(
  ctx: Pick<Context, 'store'>,
  line: RoomLine,
  redaction: Pdu,
): Promise<EventWrite['redaction']> {
  const targetId = redactedEventId(redaction, line.version)
  const stored = targetId && (await ctx.store.events.find(targetId))
  if (!stored || stored.roomNid !== line.nid) return undefined
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
  if (!mayRedact({ redaction, target, levels }, line.version)) return undefined
  return { eventId: stored.eventId, ...splitPdu(redact(target, line.version)) }
}
