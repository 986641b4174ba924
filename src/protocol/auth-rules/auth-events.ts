import { membershipOf, type Pdu, type StateKeyPair } from '#protocol/events/event.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { thirdPartyToken } from '#protocol/events/third-party-invite.ts'

/** What the selection looks at; the event need not be complete. */
export type EventToEntitle = Pick<Pdu, 'type' | 'sender' | 'state_key' | 'content'>

/**
 * The places in the room state whose events, where present, are the event's `auth_events`.
 * https://spec.matrix.org/v1.19/server-server-api/#auth-events-selection
 */
export function authEventKeys(event: EventToEntitle, version: RoomVersion): StateKeyPair[] {
  if (event.type === 'm.room.create') return []
  const create: StateKeyPair[] = version.roomIdIsCreateHash ? [] : [['m.room.create', '']]
  const keys: StateKeyPair[] = [...create, ['m.room.power_levels', '']]
  if (event.type !== 'm.room.member') return [...keys, ['m.room.member', event.sender]]
  const members = new Set([event.sender, ...membersConcerned(event, version)])
  return [...keys, ...membershipKeys(event), ...[...members].map((member): StateKeyPair => ['m.room.member', member])]
}

function membershipKeys(event: EventToEntitle): StateKeyPair[] {
  const membership = membershipOf(event)
  const keys: StateKeyPair[] = []
  if (membership === 'join' || membership === 'invite' || membership === 'knock') keys.push(['m.room.join_rules', ''])
  const token = membership === 'invite' ? thirdPartyToken(event) : undefined
  return token === undefined ? keys : [...keys, ['m.room.third_party_invite', token]]
}

function membersConcerned(event: EventToEntitle, version: RoomVersion): string[] {
  const authoriser = event.content.join_authorised_via_users_server
  const members = event.state_key === undefined ? [] : [event.state_key]
  const counts = version.restricted && membershipOf(event) === 'join' && typeof authoriser === 'string'
  return counts ? [...members, authoriser] : members
}
