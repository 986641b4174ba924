import { forbidden } from '#base/errors.ts'
import type { Log } from '#base/log.ts'
import { isObject, type JsonObject, type Pdu } from '#protocol/events/event.ts'
import {
  isRecommended,
  needsRecommendation,
  policyKeyId,
  policyServerOf,
  type PolicyServer,
} from '#protocol/events/policy-server.ts'
import { countersign } from '#protocol/events/signatures.ts'
import { encodePublicKey, type SigningKey } from '#protocol/events/signing-key.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { AskPolicy } from '#services/federation/receive/ports.ts'
import { askServer, type RemoteNeeds } from '#services/remote/remote-client.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { SignByPolicy } from '#services/rooms/write/policy-port.ts'
import type { Store } from '#store/open.ts'

type Needs = RemoteNeeds & { store: Store; log: Log; policyKey: SigningKey | undefined }

/** The room waits for the answer. */
const timeoutMs = 5000
const maxBytes = 16_384

/**
 * Check 7 for an event of another server: whether it bears the Policy Server's signature, or gets one now, which is added
 * to it. A server that does not answer recommends nothing.
 * https://spec.matrix.org/v1.19/server-server-api/#validating-policy-server-signatures
 */
export const askPolicy =
  (ctx: Needs): AskPolicy =>
  async (room, { pdu }) => {
    const policy = await policyOf(ctx, room)
    if (!policy || isRecommended(pdu, room.version, policy)) return true
    try {
      return await addSignature(ctx, room, { pdu, policy })
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error
      ctx.log.info('a policy server recommends nothing', { destination: policy.serverName, error })
      return false
    }
  }

/** https://spec.matrix.org/v1.19/server-server-api/#asking-for-a-policy-server-signature-on-an-event */
export const signByPolicy =
  (ctx: Needs): SignByPolicy =>
  async (room, { pdu }) => {
    if (!room.nextStateEntry('m.room.policy', '') || !needsRecommendation(pdu)) return
    const policy = await policyOf(ctx, room)
    if (!policy) return
    const isSigned = await addSignature(ctx, room, { pdu, policy }).catch((error: unknown) => {
      throw error instanceof RemoteError ? error.toClientError() : error
    })
    if (!isSigned) throw forbidden('The policy server of the room does not recommend this event')
  }

async function policyOf(ctx: Needs, room: LiveRoom): Promise<PolicyServer | undefined> {
  if (!room.nextStateEntry('m.room.policy', '')) return undefined
  await loadStateEntries(ctx, room, [['m.room.policy', '']])
  const policy = room.nextStateEntry('m.room.policy', '')?.pdu
  return policyServerOf(policy, (server) => room.joinedByServer.has(server))
}

type Recommended = { pdu: Pdu; policy: PolicyServer; version: RoomVersion }

/** Where this is the Policy Server itself, what comes this far is what it recommends, by the key that the room names. */
function signHere({ policyKey }: Pick<Needs, 'policyKey'>, { pdu, policy, version }: Recommended): boolean {
  if (!policyKey || encodePublicKey(policyKey.publicKey) !== policy.publicKey) return false
  pdu.signatures = countersign(pdu, version, policyKey).signatures
  return true
}

/** Whether the event is recommended with what the Policy Server answers; its other signatures stay. */
async function addSignature(
  ctx: Needs,
  { version }: LiveRoom,
  { pdu, policy }: { pdu: Pdu; policy: PolicyServer },
): Promise<boolean> {
  const { serverName } = policy
  if (serverName === ctx.config.server_name) return signHere(ctx, { pdu, policy, version })
  const answer = await askServer(ctx, {
    destination: serverName,
    method: 'POST',
    path: ['_matrix', 'policy', 'v1', 'sign'],
    content: pdu as unknown as JsonObject,
    timeoutMs,
    maxBytes,
  })
  const given = answer[serverName]
  const signature = isObject(given) ? given[policyKeyId] : undefined
  if (typeof signature !== 'string') return false
  const signatures = { ...pdu.signatures, [serverName]: { ...pdu.signatures[serverName], [policyKeyId]: signature } }
  if (!isRecommended({ ...pdu, signatures }, version, policy)) return false
  pdu.signatures = signatures
  return true
}
