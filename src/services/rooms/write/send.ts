import { badJson } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import type { EventTransaction } from '#store/rooms/events.ts'
import { annotateOnce } from './annotate-once.ts'
import { appendEvent } from './append.ts'
import type { AppendOnceNeeds } from './append-needs.ts'
import { appendOnce } from './append-once.ts'
import { checkThreadRoot } from './check-thread-root.ts'
import { redactEvent } from './redact.ts'
import { requireJoined } from '#services/rooms/membership/require-joined.ts'
import { stopTyping } from '#services/rooms/ephemeral/typing.ts'

type Needs = AppendOnceNeeds & Pick<Context, 'typing'>

export type Sending = {
  roomId: RoomId
  type: string
  sender: UserId
  isAdmin: boolean
  content: JsonObject
  transaction: EventTransaction
  /** Milliseconds since the epoch, from those who may say when it was. */
  originServerTs?: number | undefined
}

/** Sends what is no state into a room; a retried request answers the same event. */
export async function sendEvent(ctx: Needs, sending: Sending): Promise<EventId> {
  const { roomId, type, sender, content, transaction, originServerTs } = sending
  if (type === 'm.room.redaction') return sendRedaction(ctx, sending)
  const room = await requireJoined(ctx, roomId, sender)
  const draft = { type, sender, content, transaction, originServerTs }
  return appendOnce(ctx, transaction, async () => {
    await checkThreadRoot(ctx, room, content)
    const { eventId } = await annotateOnce(ctx, { room, draft }, () => appendEvent(ctx, roomId, draft))
    await stopTyping(ctx, roomId, sender)
    return eventId
  })
}

/** The event it is aimed at stands in the content, whatever the room version makes of it. */
function sendRedaction(ctx: AppendOnceNeeds, sending: Sending): Promise<EventId> {
  const { redacts: target, ...content } = sending.content
  if (typeof target !== 'string') throw badJson('A redaction names the event that it redacts')
  return redactEvent(ctx, { ...sending, target: target as EventId, content })
}
