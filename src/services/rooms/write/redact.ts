import { forbidden, notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { isValidEventId, type EventId, type RoomId, type UserId } from '#protocol/ids.ts'
import type { EventTransaction } from '#store/rooms/events.ts'
import { appendEvents } from './append.ts'
import type { AppendOnceNeeds } from './append-once.ts'
import { appendOnce } from './append-once.ts'
import { refuseSuspended } from '#services/accounts/sessions/refuse-unusable.ts'
import { nextPowerLevels } from '#services/rooms/live/next-state.ts'
import { requireJoined } from '#services/rooms/membership/require-joined.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'

export type Redaction = {
  roomId: RoomId
  sender: UserId
  /** May take back what any user of this server said. */
  isAdmin: boolean
  /** Takes back only what they said themselves. */
  isSuspended?: boolean
  target: EventId
  content: JsonObject
  transaction: EventTransaction
}

/** Empties an event of the room; throws M_NOT_FOUND where the room has none such, M_FORBIDDEN to who may not. */
export async function redactEvent(ctx: AppendOnceNeeds, redaction: Redaction): Promise<EventId> {
  const { roomId, sender, target, content, transaction } = redaction
  await requireJoined(ctx, roomId, sender)
  return appendOnce(ctx, transaction, async () => {
    const [appended] = await appendEvents(ctx, roomId, async (room) => {
      await requireRedactable(ctx, room, redaction)
      return [{ type: 'm.room.redaction', sender, content, redacts: target, transaction }]
    })
    if (!appended) throw new Error('A redaction was staged and lost')
    return appended.eventId
  })
}

/** The server of the sender is enough for the protocol; among users of one server only the author or a moderator will do. */
async function requireRedactable(
  ctx: Pick<Context, 'store'>,
  room: LiveRoom,
  { target, sender, isAdmin, isSuspended = false }: Redaction,
): Promise<void> {
  const event = isValidEventId(target) ? await ctx.store.rooms.events.find(target) : undefined
  const isHere = event?.roomNid === room.nid
  // In a room of several servers it may not have come here yet: who may redact anything may redact it.
  if (!isHere && (event || !isValidEventId(target) || room.joinedByServer.size < 2))
    throw notFound('The room has no such event')
  if (isHere && event?.sender === sender) return
  refuseSuspended({ isSuspended })
  if (isAdmin) return
  const levels = await nextPowerLevels(ctx, room)
  if (levels.ofUser(sender) < levels.redact) throw forbidden('You may not redact the events of others')
}
