import type { EventId } from '../ids.ts'
import { readPowerLevels } from '#protocol/rooms/power-levels.ts'
import type { KnownEvents } from './known-events.ts'

/** The sender's power level by the event's own auth events; Infinity for creators from room version 12. */
export function senderPower(events: KnownEvents, id: EventId): number {
  const sender = events.get(id)?.sender
  if (sender === undefined) return 0
  const powerLevels = citedEvent(events, id, 'm.room.power_levels')
  const create = citedEvent(events, id, 'm.room.create')
  return readPowerLevels({ powerLevels, create }, events.version).ofUser(sender)
}

function citedEvent(events: KnownEvents, id: EventId, type: string) {
  const cited = events.authIdFor(id, type, '')
  return cited === undefined ? undefined : events.get(cited)
}
