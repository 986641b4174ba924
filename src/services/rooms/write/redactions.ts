import type { Context } from '#context.ts'
import { type Pdu, redactedEventId } from '#protocol/events/event.ts'
import { mayRedact } from '#protocol/events/redaction-permission.ts'
import { redact } from '#protocol/events/redaction.ts'
import type { EventId } from '#protocol/ids.ts'
import { readPowerLevels, type PowerLevels } from '#protocol/rooms/power-levels.ts'
import type { EventWrite } from '#store/rooms/room-write.ts'
import { splitPdu, storedPdu } from '#services/rooms/events/stored-pdu.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import { nidOf } from '#services/rooms/read/history-intervals.ts'

type Needs = Pick<Context, 'store'>

/** What a redaction does: the redacted event as it will be stored, or that the redaction has to wait for it; or nothing. */
export async function redactionBy(
  ctx: Needs,
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

/** The event as it is stored when it comes after its redaction; undefined where none takes effect. */
export async function earlyRedactionOf(
  ctx: Needs,
  room: LiveRoom,
  { pdu: target, eventId }: { pdu: Pdu; eventId: EventId },
): Promise<EventWrite['redacted']> {
  for (const event of await ctx.store.rooms.earlyRedactions.listFor(eventId, nidOf(room))) {
    // The power levels in purged history are not known.
    if (event.position <= room.purgedUpTo) continue
    const levels = await levelsBefore(ctx, room, event.position)
    if (mayRedact({ redaction: storedPdu(event, room), target, levels }, room.version))
      return { ...splitPdu(redact(target, room.version)), by: event.eventId }
  }
  return undefined
}

async function levelsBefore({ store }: Needs, room: LiveRoom, position: number): Promise<PowerLevels> {
  const heldBefore = async (type: string) => {
    const event = await store.rooms.state.eventAt(nidOf(room), [type, ''], position - 1)
    return event && storedPdu(event, room)
  }
  const state = { powerLevels: await heldBefore('m.room.power_levels'), create: await heldBefore('m.room.create') }
  return readPowerLevels(state, room.version)
}
