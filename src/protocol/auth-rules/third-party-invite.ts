import { isObject } from '#protocol/events/event.ts'
import { hasSignatureOfInvite } from '#protocol/events/third-party-invite.ts'
import { allowed, type MemberCase, type Rejection } from './rejection.ts'

/** Rule 5.4.1, whose number is passed: an invite for the owner of an e-mail address or telephone number. */
export function judgeThirdPartyInvite(facts: MemberCase, rule: string): Rejection | undefined {
  const { event, state, target, targetMembership } = facts
  const invite = event.content.third_party_invite
  const signed = isObject(invite) ? invite.signed : undefined
  // 5.4.1.1
  if (targetMembership === 'ban') return { rule: `${rule}.1`, reason: 'The user is banned' }
  // 5.4.1.2
  if (!isObject(signed)) return { rule: `${rule}.2`, reason: 'The third-party invite is not signed' }
  const { mxid, token } = signed
  // 5.4.1.3
  if (typeof mxid !== 'string' || typeof token !== 'string')
    return { rule: `${rule}.3`, reason: 'The third-party invite lacks mxid or token' }
  // 5.4.1.4
  if (mxid !== target) return { rule: `${rule}.4`, reason: 'The third-party invite is for another user' }
  const offer = state('m.room.third_party_invite', token)
  // 5.4.1.5
  if (!offer) return { rule: `${rule}.5`, reason: 'The room knows no such third-party invite' }
  // 5.4.1.6
  if (event.sender !== offer.sender) return { rule: `${rule}.6`, reason: 'Another user made the third-party invite' }
  // 5.4.1.7
  if (hasSignatureOfInvite(signed, offer.content)) return allowed
  // 5.4.1.8
  return { rule: `${rule}.8`, reason: 'No key of the third-party invite signed it' }
}
