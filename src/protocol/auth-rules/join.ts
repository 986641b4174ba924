import { membershipOf } from '#protocol/events/event.ts'
import { eventId } from '#protocol/events/event-id.ts'
import { prevEventIds } from '#protocol/events/event.ts'
import { isRestrictedRule, joinRuleOf } from '#protocol/rooms/restricted-join.ts'
import { isFirstCreator } from '#protocol/rooms/room-creators.ts'
import { allowed, type MemberCase, type Rejection } from './rejection.ts'
import { joinRule } from './rule-numbers.ts'
import type { UserId } from '#protocol/ids.ts'

/** Rule 5.3: whether the user may enter. */
export function judgeJoin(facts: MemberCase): Rejection | undefined {
  const { event, version, state, target, targetMembership } = facts
  const rule = joinRuleOf(state('m.room.join_rules', ''))
  const isExpected = targetMembership === 'invite' || targetMembership === 'join'
  // 5.3.1
  if (isCreatorsFirstStep(facts)) return allowed
  // 5.3.2
  if (event.sender !== target)
    return { rule: joinRule('sender', version), reason: 'A join must be sent by the user who joins' }
  // 5.3.3
  if (targetMembership === 'ban') return { rule: joinRule('banned', version), reason: 'The user is banned' }
  // 5.3.4
  if ((rule === 'invite' || (version.knock && rule === 'knock')) && isExpected) return allowed
  // 5.3.5
  if (isRestrictedRule(rule, version)) {
    if (isExpected || isAuthorised(facts)) return allowed
    return { rule: `${joinRule('restricted', version)}.2`, reason: 'No member who may invite authorises the join' }
  }
  // 5.3.6
  if (rule === 'public') return allowed
  // 5.3.7
  return { rule: joinRule('otherwise', version), reason: 'The user is not invited' }
}

function isCreatorsFirstStep({ event, version, create, target }: MemberCase): boolean {
  if (event.prev_events.length !== 1 || !isFirstCreator(target, create, version)) return false
  const [prev] = prevEventIds(event, version)
  if (version.roomIdIsCreateHash) return prev?.slice(1) === event.room_id?.slice(1)
  return prev === eventId(create, version)
}

function isAuthorised({ event, state, levels }: MemberCase): boolean {
  const authoriser = event.content.join_authorised_via_users_server
  if (typeof authoriser !== 'string' || membershipOf(state('m.room.member', authoriser)) !== 'join') return false
  // Rule 5.2.1 has seen to it that this is a user id.
  return levels.ofUser(authoriser as UserId) >= levels.invite
}
