import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { Pdu, UnsignedPdu } from '#protocol/events/event.ts'
import type { RoomId } from '#protocol/ids.ts'
import { loadForwardExtremities, loadPdusOf } from '#services/rooms/live/load-state-entries.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { authorizeEvent, buildEvent, selectAuthEvents, type EventDraft } from './build-event.ts'

/**
 * The event that a draft would become at the end of the room, for another server to sign: nothing is written. It builds
 * on what is on disk alone. Throws M_FORBIDDEN where the auth rules refuse it.
 */
export function draftEvent(
  ctx: Pick<Context, 'store' | 'clock' | 'rooms'>,
  roomId: RoomId,
  draft: (room: LiveRoom) => Promise<EventDraft>,
): Promise<UnsignedPdu> {
  return ctx.rooms.inTurn(roomId, async (turn) => {
    const room = await turn.settledRoom()
    if (room.isPlaceholder) throw notFound('The room is not known')
    if (room.version.eventFormat === 'v1') await loadForwardExtremities(ctx, room)
    const wanted = await draft(room)
    const authEvents = selectAuthEvents(room, wanted)
    await loadPdusOf(ctx, room, [authEvents.create, ...authEvents.authEvents])
    const event = buildEvent(room, wanted, { authEvents, now: ctx.clock.now() })
    authorizeEvent(room, { pdu: event as Pdu }, authEvents)
    return event
  })
}
