import { invalidParam } from '#base/errors.ts'
import { membershipOf, type JsonValue } from '#protocol/events/event.ts'
import type { ReadEvent } from '#protocol/events/read-event.ts'
import { serverOf, type RoomId, type ServerName } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { checkFormat } from '#services/federation/receive/check-event.ts'

/** A member event of which a request says in its path what it is. */
export type ClaimedEvent = {
  origin: ServerName
  roomId: RoomId
  eventId: string
  version: RoomVersion
  membership: 'join' | 'leave' | 'knock' | 'invite'
  event: JsonValue
}

/**
 * The event, if it is whole, the one that the path names, of the membership that the endpoint is for, and by a user of
 * the server that sent it; signatures are not looked at. Refuses anything else with M_INVALID_PARAM.
 */
export function checkMemberEvent(claimed: ClaimedEvent): ReadEvent {
  const { origin, eventId, membership, event } = claimed
  const checked = checkFormat(event, claimed)
  if ('violation' in checked) throw invalidParam(checked.violation)
  const { pdu } = checked
  if (checked.eventId !== eventId) throw invalidParam('The event has another id')
  if (pdu.type !== 'm.room.member' || pdu.state_key === undefined) throw invalidParam('The event is no membership')
  if (membershipOf(pdu) !== membership) throw invalidParam(`The membership is not ${membership}`)
  if (serverOf(pdu.sender) !== origin) throw invalidParam('The sender is not of your server')
  if (membership !== 'invite' && pdu.state_key !== pdu.sender) throw invalidParam('The event is of another user')
  if (!checked.isWhole) throw invalidParam('The content hash is wrong')
  return checked
}
