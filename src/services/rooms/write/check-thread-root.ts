import { unknown } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { relationOf } from '#protocol/events/relation.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { mayRootThread } from '#services/rooms/read/thread-root.ts'

/**
 * Refuses a thread on an event that relates to another itself; relations to events of other rooms and to unknown ones
 * mean nothing. https://spec.matrix.org/v1.19/client-server-api/#validation-of-mthread-relationships
 */
export async function checkThreadRoot(
  { store }: Pick<Context, 'store'>,
  room: LiveRoom,
  content: JsonObject,
): Promise<void> {
  const relation = relationOf(content)
  if (relation?.relType !== 'm.thread') return
  const { parentId } = relation
  const root = room.recent.find(({ eventId }) => eventId === parentId) ?? (await store.rooms.events.find(parentId))
  if (root?.roomNid === room.nid && root && !mayRootThread(root))
    throw unknown('A thread cannot begin at an event that relates to another')
}
