import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/event.ts'
import { relationOf } from '#protocol/relation.ts'
import type { StoredEvent } from '#store/events.ts'

export const mainTimeline = 'main'

const maxHops = 3

/**
 * The id of the thread's root that an event belongs to, by itself or by what it relates to, or `main`.
 * https://spec.matrix.org/v1.19/client-server-api/#threaded-read-receipts
 */
export async function threadOf(ctx: Pick<Context, 'store'>, event: StoredEvent): Promise<string> {
  let related: StoredEvent | undefined = event
  for (let hop = 0; related && hop <= maxHops; hop++) {
    const relation = relationIn(related)
    if (!relation) break
    if (relation.relType === 'm.thread') return relation.parentId
    const parent: StoredEvent | undefined = await ctx.store.events.find(relation.parentId)
    related = parent?.roomNid === event.roomNid ? parent : undefined
  }
  return mainTimeline
}

/** State belongs to no thread. */
function relationIn({ stateKey, clientJson }: StoredEvent) {
  if (stateKey !== null || !clientJson.includes('"m.relates_to"')) return undefined
  return relationOf((JSON.parse(clientJson) as { content: JsonObject }).content)
}
