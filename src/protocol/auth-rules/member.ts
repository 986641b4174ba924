import { membershipOf, type JsonValue } from '#protocol/events/event.ts'
import { isValidUserId, type UserId } from '../ids.ts'
import { joinRuleOf } from '#protocol/rooms/restricted-join.ts'
import { judgeJoin } from './join.ts'
import { allowed, type Case, type MemberCase, type Rejection } from './rejection.ts'
import { memberRule } from './rule-numbers.ts'
import { judgeThirdPartyInvite } from './third-party-invite.ts'

/** Rule 5 (4 in versions 6 to 11): whether the sender may change the target's membership so. */
export function judgeMember(facts: Case): Rejection | undefined {
  const { event, version, state } = facts
  const { content, sender } = event
  // Whatever text stands there, the rules take it for a user id.
  const target = event.state_key as UserId | undefined
  // 5.1
  if (target === undefined || !Object.hasOwn(content, 'membership'))
    return { rule: memberRule('form', version), reason: 'A membership needs a state key and a membership' }
  // 5.2.1; the signature is one of `requiredSigners`
  if (version.restricted && !isAbsentOrUserId(content.join_authorised_via_users_server))
    return { rule: `${memberRule('authoriser', version)}.1`, reason: 'The authorising user is no user id' }
  const change = {
    ...facts,
    target,
    senderMembership: membershipOf(state('m.room.member', sender)),
    targetMembership: membershipOf(state('m.room.member', target)),
  }
  switch (content.membership) {
    case 'join': // 5.3
      return judgeJoin(change)
    case 'invite': // 5.4
      return judgeInvite(change)
    case 'leave': // 5.5
      return judgeLeave(change)
    case 'ban': // 5.6
      return judgeBan(change)
    case 'knock': // 5.7
      if (version.knock) return judgeKnock(change)
  }
  // 5.8
  return { rule: memberRule('unknown', version), reason: 'The membership is unknown' }
}

function judgeInvite(facts: MemberCase): Rejection | undefined {
  const { event, version, levels, senderMembership, targetMembership } = facts
  const rule = memberRule('invite', version)
  // 5.4.1
  if (Object.hasOwn(event.content, 'third_party_invite')) return judgeThirdPartyInvite(facts, `${rule}.1`)
  // 5.4.2
  if (senderMembership !== 'join') return { rule: `${rule}.2`, reason: 'The sender is not in the room' }
  // 5.4.3
  if (targetMembership === 'join' || targetMembership === 'ban')
    return { rule: `${rule}.3`, reason: 'The user is in the room or banned from it' }
  // 5.4.4
  if (levels.ofUser(event.sender) >= levels.invite) return allowed
  // 5.4.5
  return { rule: `${rule}.5`, reason: 'The sender may not invite' }
}

function judgeLeave({ event, version, levels, ...facts }: MemberCase): Rejection | undefined {
  const { target, senderMembership, targetMembership } = facts
  const rule = memberRule('leave', version)
  const level = levels.ofUser(event.sender)
  // 5.5.1
  if (event.sender === target) {
    const mayLeave = targetMembership === 'invite' || targetMembership === 'join'
    if (mayLeave || (version.knock && targetMembership === 'knock')) return allowed
    return { rule: `${rule}.1`, reason: 'The user has nothing to leave' }
  }
  // 5.5.2
  if (senderMembership !== 'join') return { rule: `${rule}.2`, reason: 'The sender is not in the room' }
  // 5.5.3
  if (targetMembership === 'ban' && level < levels.ban)
    return { rule: `${rule}.3`, reason: 'The sender may not lift bans' }
  // 5.5.4
  if (level >= levels.kick && levels.ofUser(target) < level) return allowed
  // 5.5.5
  return { rule: `${rule}.5`, reason: 'The sender may not remove this user' }
}

function judgeBan({ event, version, levels, target, senderMembership }: MemberCase): Rejection | undefined {
  const rule = memberRule('ban', version)
  const level = levels.ofUser(event.sender)
  // 5.6.1
  if (senderMembership !== 'join') return { rule: `${rule}.1`, reason: 'The sender is not in the room' }
  // 5.6.2
  if (level >= levels.ban && levels.ofUser(target) < level) return allowed
  // 5.6.3
  return { rule: `${rule}.3`, reason: 'The sender may not ban this user' }
}

function judgeKnock({ event, version, state, target, senderMembership }: MemberCase): Rejection | undefined {
  const rule = memberRule('knock', version)
  const joinRule = joinRuleOf(state('m.room.join_rules', ''))
  // 5.7.1
  if (joinRule !== 'knock' && !(version.knockRestricted && joinRule === 'knock_restricted'))
    return { rule: `${rule}.1`, reason: 'The room takes no knocks' }
  // 5.7.2
  if (event.sender !== target) return { rule: `${rule}.2`, reason: 'A knock must be sent by the user who knocks' }
  // 5.7.3
  if (senderMembership !== 'ban' && senderMembership !== 'invite' && senderMembership !== 'join') return allowed
  // 5.7.4
  return { rule: `${rule}.4`, reason: 'The sender is in the room, invited or banned' }
}

function isAbsentOrUserId(value: JsonValue | undefined): boolean {
  return value === undefined || (typeof value === 'string' && isValidUserId(value))
}
