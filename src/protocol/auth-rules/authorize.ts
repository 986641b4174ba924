import type { Pdu } from '#protocol/events/event.ts'
import { membershipOf } from '#protocol/events/event.ts'
import { serverOf } from '../ids.ts'
import { readPowerLevels } from '#protocol/rooms/power-levels.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { judgeCreate } from './create.ts'
import { judgeMember } from './member.ts'
import { judgePowerLevels } from './power-levels.ts'
import { allowed, type AuthState, type Case, type Rejection } from './rejection.ts'
import { authEventsRule, chapter } from './rule-numbers.ts'

/**
 * Judges an event against a room state. The rule about `auth_events` themselves is `checkAuthEvents`; signatures are
 * taken to be verified. Numbers beside the branches are those of room version 12; a rejection names the version's own.
 * https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules
 */
export function authorize(event: Pdu, version: RoomVersion, state: AuthState): Rejection | undefined {
  // 1
  if (event.type === 'm.room.create') return judgeCreate(event, version)
  // 2 (before version 12: the create event among the auth events)
  const create = state('m.room.create', '')
  if (!create) return { rule: missingCreateRule(version), reason: 'The room has no create event' }
  // 4
  if (create.content['m.federate'] === false && serverOf(event.sender) !== serverOf(create.sender))
    return { rule: chapter('federate', version), reason: 'The room is closed to other servers' }
  // 4 up to version 5
  if (version.aliasesAuthRule && event.type === 'm.room.aliases') return judgeAliases(event, version)
  const levels = readPowerLevels({ powerLevels: state('m.room.power_levels', ''), create }, version)
  const facts = { event, version, state, create, levels }
  // 5
  return event.type === 'm.room.member' ? judgeMember(facts) : judgeMemberAction(facts)
}

function missingCreateRule(version: RoomVersion): string {
  return version.roomIdIsCreateHash ? chapter('room', version) : authEventsRule('create', version)
}

function judgeAliases({ sender, state_key: stateKey }: Pdu, version: RoomVersion): Rejection | undefined {
  const rule = chapter('aliases', version)
  if (stateKey === undefined) return { rule: `${rule}.1`, reason: 'Aliases need a state key' }
  if (serverOf(sender) !== stateKey) return { rule: `${rule}.2`, reason: "The aliases are another server's" }
  return allowed
}

/** What only members of the room may do. */
function judgeMemberAction(facts: Case): Rejection | undefined {
  const { event, version, state, levels } = facts
  const { type, sender, state_key: stateKey } = event
  const level = levels.ofUser(sender)
  // 6
  if (membershipOf(state('m.room.member', sender)) !== 'join')
    return { rule: chapter('joined', version), reason: 'The sender is not in the room' }
  // 7
  if (type === 'm.room.third_party_invite') {
    if (level >= levels.invite) return allowed
    return { rule: `${chapter('thirdPartyInvite', version)}.1`, reason: 'The sender may not invite' }
  }
  // 8
  if (levels.required(type, stateKey !== undefined) > level)
    return { rule: chapter('requiredLevel', version), reason: 'The sender may not send events of this type' }
  // 9
  if (stateKey?.startsWith('@') && stateKey !== sender)
    return { rule: chapter('ownStateKey', version), reason: 'The state key is another user' }
  // 10
  if (type === 'm.room.power_levels') return judgePowerLevels(facts)
  // 11 in versions 1 and 2
  if (version.redactionAuthRule && type === 'm.room.redaction') return judgeRedaction(facts)
  return allowed
}

function judgeRedaction({ event, version, levels }: Case): Rejection | undefined {
  if (levels.ofUser(event.sender) >= levels.redact) return allowed
  if (event.redacts !== undefined && serverOf(event.redacts) === serverOf(event.event_id ?? '')) return allowed
  return { rule: `${chapter('redaction', version)}.3`, reason: "The sender may not redact others' events" }
}
