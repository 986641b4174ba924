import type { JsonObject } from '#protocol/events/event.ts'
import { signJson } from '#protocol/events/signatures.ts'
import { encodePublicKey } from '#protocol/events/signing-key.ts'
import { type Act, member } from '../generators/acts.ts'
import { keyOf } from '../generators/server-keys.ts'

const identityServer = keyOf('identity.example')

/** The content of `m.room.third_party_invite` with the key of an identity server. */
export const offer: JsonObject = { public_key: encodePublicKey(identityServer.publicKey) }

/** What the identity server signs once the owner of the address is known. */
export const claimFor = (mxid: string, token = 'token'): JsonObject => signJson({ mxid, token }, identityServer)

/** The invite that the claim becomes. */
export const thirdPartyInvite = (sender: string, target: string, signed: JsonObject = claimFor(target)): Act =>
  member(sender, target, 'invite', { third_party_invite: { display_name: 'A', signed } })
