import { setImmediate as nextTurn } from 'node:timers/promises'
import type { JsonValue } from '#protocol/events/event.ts'
import type { RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { checkEvent } from './check-event.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { ReceiveNeeds } from './ports.ts'

/** From here on threads are worth their messages. */
const manyEvents = 200

/** Checks 1 to 3 of several events; answers those that pass: a bad one never takes its neighbors with it. */
export async function checkEvents(
  { findKey, checkThreads }: Pick<ReceiveNeeds, 'findKey' | 'checkThreads'>,
  values: readonly JsonValue[],
  room: { roomId: RoomId; version: RoomVersion },
): Promise<CheckedEvent[]> {
  if (checkThreads && values.length >= manyEvents) return checkThreads.check(findKey, values, room)
  const checked: CheckedEvent[] = []
  for (const [index, value] of values.entries()) {
    // Signatures take a tenth of a millisecond each.
    if (index % 50 === 49) await nextTurn()
    const one = await checkEvent(findKey, value, room)
    if (!('violation' in one)) checked.push(one)
  }
  return checked
}
