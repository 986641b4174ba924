import { duplicateAnnotation } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { isObject, type JsonObject } from '#protocol/events/event.ts'
import type { EventDraft } from './build-event.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { EventId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'locks'>

/**
 * Sends an event unless it annotates another as the sender did before: then throws M_DUPLICATE_ANNOTATION.
 * https://spec.matrix.org/v1.19/client-server-api/#avoiding-duplicate-annotations
 */
export function annotateOnce<T>(
  ctx: Needs,
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

const keyIn = (clientJson: string): string | undefined =>
  annotationIn((JSON.parse(clientJson) as { content: JsonObject }).content)?.key
