import type { Context } from '#context.ts'
import { redactedEventId, type Pdu } from '#protocol/events/event.ts'
import { readPowerLevels } from '#protocol/rooms/power-levels.ts'
import { mayRedact } from '#protocol/events/redaction-permission.ts'
import { redact } from '#protocol/events/redaction.ts'
import type { EventWrite } from '#store/rooms/room-write.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { splitPdu, storedPdu } from '#services/rooms/events/stored-pdu.ts'

/** What a redaction does: the redacted event as it will stand, or that it has to wait for it; or nothing. */
export async function redactionBy(
  ctx: Pick<Context, 'store'>,
  room: LiveRoom,
  redaction: Pdu,
): Promise<Pick<EventWrite, 'redaction' | 'awaits'>> {
  const targetId = redactedEventId(redaction, room.version)
  const stored = targetId && (await ctx.store.rooms.events.find(targetId))
  if (!stored) return { awaits: targetId }
  if (stored.roomNid !== room.nid) return {}
  const target = storedPdu(stored, room)
  await loadStateEntries(ctx, room, [
    ['m.room.create', ''],
    ['m.room.power_levels', ''],
  ])
  const pduOf = (type: string) => room.nextStateEntry(type, '')?.pdu
  const levels = readPowerLevels(
    { powerLevels: pduOf('m.room.power_levels'), create: pduOf('m.room.create') },
    room.version,
  )
  if (!mayRedact({ redaction, target, levels }, room.version)) return {}
  return { redaction: { eventId: stored.eventId, ...splitPdu(redact(target, room.version)) } }
}
