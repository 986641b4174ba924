import { prevEventIds } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import { isInTimeline } from '#services/rooms/state/state-before.ts'
import type { GraphEvent } from '#store/rooms/events.ts'
import type { Serving, ServingNeeds } from './open-serving.ts'
import { servedEvents } from './serve-events.ts'

/** From how many events a server may walk back at once. */
export const maxStarts = 20
/** So many events are read at once. */
const sliceSize = 50

type Walk = {
  /** Events to begin with; these are taken as well. */
  from: readonly string[]
  limit: number
  /** Where the walk ends; neither these nor what lies behind is taken. */
  until?: ReadonlySet<string>
  minDepth?: number
}

type Step = { event: GraphEvent; depth: number; prevs: readonly EventId[] }

/**
 * Events from some on back along their previous events, the deepest of those found first, until there are enough of them;
 * oldest first. It reads no more than it takes, and what waits to be read.
 */
export async function walkBack(
  ctx: Pick<ServingNeeds, 'store'>,
  serving: Serving,
  { from, limit, until = new Set(), minDepth = 0 }: Walk,
): Promise<GraphEvent[]> {
  const taken: Step[] = []
  const seen = new Set<string>(until)
  const waiting: Step[] = []
  let wanted = fresh(from.slice(0, maxStarts), seen)
  while (taken.length < limit) {
    for (let start = 0; start < wanted.length; start += sliceSize) {
      const found = await servedEvents(ctx, serving, wanted.slice(start, start + sliceSize))
      for (const event of found.values()) if (isInTimeline(event)) waiting.push(stepOf(serving, event))
    }
    waiting.sort((one, other) => one.depth - other.depth || one.event.position - other.event.position)
    const next = waiting.pop()
    if (!next) break
    wanted = []
    if (next.depth < minDepth) continue
    taken.push(next)
    wanted = fresh(next.prevs, seen)
  }
  const inOrder = taken.sort((one, other) => one.depth - other.depth || one.event.position - other.event.position)
  return inOrder.map(({ event }) => event)
}

function stepOf({ room }: Serving, event: GraphEvent): Step {
  const pdu = storedPdu(event, room)
  return { event, depth: pdu.depth, prevs: prevEventIds(pdu, room.version) }
}

/** Those that were not seen before, which are seen from now on. */
function fresh(ids: readonly string[], seen: Set<string>): string[] {
  const unseen = [...new Set(ids)].filter((id) => !seen.has(id))
  for (const id of unseen) seen.add(id)
  return unseen
}

/** The previous events of some events, as far as these are served. */
export async function prevsOf(
  ctx: Pick<ServingNeeds, 'store'>,
  serving: Serving,
  ids: readonly string[],
): Promise<EventId[]> {
  const found = await servedEvents(ctx, serving, ids.slice(0, maxStarts))
  return [...found.values()].flatMap((event) => [...stepOf(serving, event).prevs])
}
