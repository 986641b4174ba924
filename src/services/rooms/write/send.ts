import { badJson, duplicateAnnotation } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { isObject, type JsonObject } from '#protocol/events/event.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import type { EventTransaction } from '#store/rooms/events.ts'
import { appendEvent } from './append.ts'
import type { AppendOnceNeeds } from './append-once.ts'
import type { EventDraft } from './build-event.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { appendOnce } from './append-once.ts'
import { checkThreadRoot } from './check-thread-root.ts'
import { redactEvent } from './redact.ts'
import { requireJoined } from '#services/rooms/membership/require-joined.ts'
import { contentOf } from '#services/rooms/events/stored-pdu.ts'

export type Sending = {
  roomId: RoomId
  type: string
  sender: UserId
  isAdmin: boolean
  isSuspended?: boolean
  content: JsonObject
  transaction: EventTransaction
  /** Milliseconds since the epoch, from those who may say when it was. */
  originServerTs?: number | undefined
}

/** Sends what is no state into a room; a retried request answers the same event. */
export async function sendEvent(ctx: AppendOnceNeeds, sending: Sending): Promise<EventId> {
  const { roomId, type, sender, content, transaction, originServerTs } = sending
  if (type === 'm.room.redaction') return sendRedaction(ctx, sending)
  const room = await requireJoined(ctx, roomId, sender)
  const draft = { type, sender, content, transaction, originServerTs }
  return appendOnce(ctx, transaction, async () => {
    await checkThreadRoot(ctx, room, content)
    const { eventId } = await annotateOnce(ctx, { room, draft }, () => appendEvent(ctx, roomId, draft))
    return eventId
  })
}

/** Clients name the event to redact in the content, whatever the room version does with it. */
function sendRedaction(ctx: AppendOnceNeeds, sending: Sending): Promise<EventId> {
  const { redacts: target, ...content } = sending.content
  if (typeof target !== 'string') throw badJson('A redaction names the event that it redacts')
  return redactEvent(ctx, { ...sending, target: target as EventId, content })
}

/**
 * Sends an event unless it annotates another as the sender did before: then throws M_DUPLICATE_ANNOTATION.
 * https://spec.matrix.org/v1.19/client-server-api/#avoiding-duplicate-annotations
 */
function annotateOnce<T>(
  ctx: Pick<Context, 'store' | 'locks'>,
  { room, draft }: { room: LiveRoom; draft: EventDraft },
  send: () => Promise<T>,
): Promise<T> {
  const annotation = annotationIn(draft.content)
  if (!annotation) return send()
  const { parentId, key } = annotation
  const { sender, type } = draft
  return ctx.locks.run(JSON.stringify(['annotation', room.roomId, sender, type, parentId, key]), async () => {
    const wanted = { roomNid: room.nid ?? 0, relType: 'm.annotation', eventType: type, sender }
    const replaced = await ctx.store.rooms.relations.listBy(parentId, wanted)
    if (replaced.some(({ clientJson }) => keyIn(clientJson) === key)) throw duplicateAnnotation()
    return send()
  })
}

function annotationIn({ 'm.relates_to': relation }: JsonObject): { parentId: EventId; key: string } | undefined {
  if (!isObject(relation) || relation.rel_type !== 'm.annotation') return undefined
  const { event_id: parentId, key } = relation
  const isStored = typeof parentId === 'string' && !parentId.includes('\0')
  return isStored && typeof key === 'string' ? { parentId: parentId as EventId, key } : undefined
}

const keyIn = (clientJson: string): string | undefined => annotationIn(contentOf({ clientJson }))?.key
