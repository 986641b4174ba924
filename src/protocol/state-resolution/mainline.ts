import { byCodePoint } from '#protocol/json/canonical-json.ts'
import type { EventId } from '../ids.ts'
import type { KnownEvents } from './known-events.ts'

type Placed = { id: EventId; position: number; sentAt: number }

/**
 * Sorts events by the power levels they were sent under, oldest first (rooms/v2, Definitions, "Mainline ordering").
 * `head` is *P*: the power levels of the partially resolved state, undefined when it has none.
 */
export function mainlineOrder(
  events: KnownEvents,
  ids: readonly EventId[],
  forwardExtremity: EventId | undefined,
): EventId[] {
  const positions = mainlinePositions(events, forwardExtremity)
  const placed = ids.map((id): Placed => {
    const position = positionOf(events, powerLevelsBehind(events, id), positions)
    return { id, position, sentAt: events.get(id)?.origin_server_ts ?? 0 }
  })
  return placed.sort(compare).map(({ id }) => id)
}

/** The mainline of `head` as a map from event to *i*: 0 for the head itself. */
function mainlinePositions(events: KnownEvents, forwardExtremity: EventId | undefined): Map<EventId, number> {
  const positions = new Map<EventId, number>()
  for (let id = forwardExtremity; id !== undefined && !positions.has(id); id = powerLevelsBehind(events, id)) {
    positions.set(id, positions.size)
  }
  return positions
}

/** Follows power levels from `from` (*e₁*) to the mainline; notes the answer for all it passes, so each is passed once. */
function positionOf(events: KnownEvents, from: EventId | undefined, positions: Map<EventId, number>): number {
  const passed = new Set<EventId>()
  let id = from
  while (id !== undefined && !positions.has(id) && !passed.has(id)) {
    passed.add(id)
    id = powerLevelsBehind(events, id)
  }
  const position = (id === undefined ? undefined : positions.get(id)) ?? Infinity
  for (const each of passed) positions.set(each, position)
  return position
}

function powerLevelsBehind(events: KnownEvents, id: EventId): EventId | undefined {
  return events.authIdFor(id, 'm.room.power_levels', '')
}

function compare(x: Placed, y: Placed): number {
  if (x.position !== y.position) return x.position > y.position ? -1 : 1
  if (x.sentAt !== y.sentAt) return x.sentAt - y.sentAt
  return byCodePoint(x.id, y.id)
}
