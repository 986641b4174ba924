import { setImmediate as nextTurn } from 'node:timers/promises'
import { authEventIds, prevEventIds } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { CheckedEvent } from './checked-event.ts'

const sliceSize = 2000

/** The events in topological order: after their previous events and auth events, as far as given; circles are left out. */
export async function inOrder(
  events: ReadonlyMap<EventId, CheckedEvent>,
  version: RoomVersion,
): Promise<CheckedEvent[]> {
  const waitingFor = new Map<EventId, number>()
  const dependents = new Map<EventId, EventId[]>()
  const ready: EventId[] = []
  for (const [id, { pdu }] of events) {
    const cited = new Set([...prevEventIds(pdu, version), ...authEventIds(pdu, version)])
    let waiting = 0
    for (const other of cited) {
      if (!events.has(other)) continue
      waiting++
      const citing = dependents.get(other)
      if (citing) citing.push(id)
      else dependents.set(other, [id])
    }
    waitingFor.set(id, waiting)
    if (waitingFor.size % sliceSize === 0) await nextTurn()
    if (waiting === 0) ready.push(id)
  }
  for (const [index, id] of ready.entries()) {
    if (index % sliceSize === sliceSize - 1) await nextTurn()
    for (const dependent of dependents.get(id) ?? []) {
      const waiting = (waitingFor.get(dependent) ?? 0) - 1
      waitingFor.set(dependent, waiting)
      if (waiting === 0) ready.push(dependent)
    }
  }
  return ready.flatMap((id) => events.get(id) ?? [])
}
