import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { relationOf } from '#protocol/events/relation.ts'
import type { StoredEvent } from '#store/rooms/events.ts'

/** The id of the thread that every event without another belongs to. */
export const mainTimeline = 'main'

/** Of indirect relations; the one to the thread's root is not counted. */
const maxHops = 3

/**
 * Whether an event belongs to a thread, or relates to what does: to the main timeline (`main`) or to that of a root,
 * however it relates to it. https://spec.matrix.org/v1.19/client-server-api/#threaded-read-receipts
 */
export async function isInThread(ctx: Pick<Context, 'store'>, event: StoredEvent, threadId: string): Promise<boolean> {
  // A root is in the main timeline and in its thread.
  if (event.eventId === threadId) return true
  let related: StoredEvent | undefined = event
  for (let hop = 0; related && hop <= maxHops; hop++) {
    const relation = relationIn(related)
    if (!relation) break
    if (relation.parentId === threadId) return true
    if (relation.relType === 'm.thread') return false
    const parent: StoredEvent | undefined = await ctx.store.rooms.events.find(relation.parentId)
    related = parent?.roomNid === event.roomNid ? parent : undefined
  }
  return threadId === mainTimeline
}

/** State belongs to no thread. */
function relationIn({ stateKey, clientJson }: StoredEvent) {
  if (stateKey !== null || !clientJson.includes('"m.relates_to"')) return undefined
  return relationOf((JSON.parse(clientJson) as { content: JsonObject }).content)
}
