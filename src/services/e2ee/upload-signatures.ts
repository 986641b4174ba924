import { MatrixError, tooLarge } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { isValidUserId, type UserId } from '#protocol/ids.ts'
import type { CrossSigningKey, KeySignature } from '#store/e2ee/cross-signing.ts'
import type { StoredDeviceKeys } from '#store/e2ee/device-keys.ts'
import type { DeviceListChange } from '#store/e2ee/device-lists.ts'
import { identityOf, signerOf } from './check-device-keys.ts'
import { announceDeviceLists } from './device-lists.ts'
import { canonicalUpload, isSignedBy, keyIdOf, signaturesOf, unsignedPart, type Signer } from './signed-keys.ts'

const maxKeyBytes = 16_384

/** User id to key id (device id or public key) to the key with new signatures. */
export type SignatureUpload = Record<string, Record<string, JsonObject>>
type Failures = Record<string, Record<string, JsonObject>>

/** A key that can be signed, and the keys that may sign it. */
type Target = {
  userId: UserId
  name: string
  /** The key as stored, with its uploaded signatures. */
  object: JsonObject
  signers: Signer[]
  change: DeviceListChange
}

/** Stores valid signatures and answers an error for each key with an invalid one. */
export async function uploadSignatures(
  ctx: Pick<Context, 'store' | 'bus' | 'config'>,
  signerId: UserId,
  upload: SignatureUpload,
): Promise<Failures> {
  const count = Object.values(upload).reduce((sum, objects) => sum + Object.keys(objects).length, 0)
  const most = ctx.config.limits.signatures_per_request
  if (count > most) throw tooLarge(`One request may publish signatures on ${most} keys`)
  const { signable, present } = await loadSignable(ctx, signerId, upload)
  const accepted: Accepted[] = []
  const failures = Object.entries(upload).map(([userId, objects]) => {
    const failed = Object.entries(objects).flatMap(([name, object]) => {
      const checked = check({ signerId, target: signable.get(targetName(userId, name)), present }, object)
      if (!isAccepted(checked)) return [[name, checked] as const]
      accepted.push(checked)
      return []
    })
    return [userId, Object.fromEntries(failed)] as const
  })
  await save(ctx, accepted)
  return Object.fromEntries(failures.filter(([, failed]) => Object.keys(failed).length > 0))
}

type Accepted = { target: Target; signatures: KeySignature[] }

const isAccepted = (checked: Accepted | JsonObject): checked is Accepted => 'target' in checked

const targetName = (userId: string, name: string): string => JSON.stringify([userId, name])
const signatureName = ({ targetUser, targetKey, signerKey, signature }: KeySignature): string =>
  JSON.stringify([targetUser, targetKey, signerKey, signature])

/** The keys that the user may sign, by name, and their stored signatures. */
async function loadSignable({ store }: Pick<Context, 'store'>, signerId: UserId, upload: SignatureUpload) {
  const userIds = [...new Set([signerId, ...Object.keys(upload).filter(isValidUserId)])]
  const keys = await store.e2ee.crossSigning.listOf(userIds)
  const devices = await store.e2ee.deviceKeys.listOf([signerId])
  const present = await store.e2ee.crossSigning.signaturesOn(userIds, signerId)
  const targets = [...ownTargets(signerId, keys, devices), ...othersMasters(signerId, keys)]
  return {
    signable: new Map(targets.map((target) => [targetName(target.userId, target.name), target])),
    present: new Set(present.filter(({ signerUser }) => signerUser === signerId).map(signatureName)),
  }
}

async function save(ctx: Pick<Context, 'store' | 'bus'>, accepted: readonly Accepted[]): Promise<void> {
  const added = accepted.filter(({ signatures }) => signatures.length > 0)
  if (added.length === 0) return
  await ctx.store.transaction(async (tx) => {
    const position = await tx.streams.next('device_lists')
    await tx.e2ee.crossSigning.addSignatures(added.flatMap(({ signatures }) => signatures))
    await tx.e2ee.deviceLists.record(
      added.map(({ target }) => target.change),
      position,
    )
  })
  announceDeviceLists(ctx, [...new Set(added.map(({ target }) => target.change.observerId ?? target.userId))])
}

/** Own devices are signed by the self-signing key, the own master key by devices. */
function ownTargets(userId: UserId, keys: readonly CrossSigningKey[], devices: readonly StoredDeviceKeys[]): Target[] {
  const own = (usage: CrossSigningKey['usage']) => keys.find((key) => key.userId === userId && key.usage === usage)
  const [master, selfSigning] = [own('master'), own('self_signing')]
  const signable = devices.map((device): Target => {
    const { deviceId, signatures } = device
    const object = { ...identityOf(device), signatures: { [userId]: signatures } }
    return {
      userId,
      name: deviceId,
      object,
      signers: selfSigning ? [signerBy(selfSigning)] : [],
      change: { userId, deviceId },
    }
  })
  return master
    ? [...signable, { ...masterTarget(master), signers: devices.map(signerOf), change: { userId } }]
    : signable
}

/** The master keys of others are signed by the user-signing key; only the signer may see that. */
function othersMasters(signerId: UserId, keys: readonly CrossSigningKey[]): Target[] {
  const userSigning = keys.find((key) => key.userId === signerId && key.usage === 'user_signing')
  return keys
    .filter((key) => key.usage === 'master' && key.userId !== signerId)
    .map((key) => ({
      ...masterTarget(key),
      signers: userSigning ? [signerBy(userSigning)] : [],
      change: { userId: key.userId, observerId: signerId },
    }))
}

const masterTarget = ({ userId, publicKey, json }: CrossSigningKey) => ({
  userId,
  name: publicKey,
  object: JSON.parse(json) as JsonObject,
})

const signerBy = ({ userId, publicKey }: CrossSigningKey): Signer => ({ userId, name: publicKey, publicKey })

type Check = { signerId: UserId; target: Target | undefined; present: ReadonlySet<string> }

const failure = (errcode: string, error: string): JsonObject => ({ errcode, error })

/** Shared objects: a large request must not make one for each key that fails. */
const failures = {
  unknown: failure('M_NOT_FOUND', 'There is no such key'),
  other: failure('M_INVALID_PARAM', 'This is not the key that is stored'),
  unsigned: failure('M_INVALID_SIGNATURE', 'There is no signature of yours'),
  forged: failure('M_INVALID_SIGNATURE', 'A signature is not valid'),
}

/** The signatures to add, or the failure; known signatures may be uploaded again. */
function check({ signerId, target, present }: Check, object: JsonObject): Accepted | JsonObject {
  if (!target) return failures.unknown
  const content = signedContent(object)
  if (typeof content !== 'string') return content
  if (content !== signedContent(target.object)) return failures.other
  const claimed = signaturesOf(object, signerId)
  if (Object.keys(claimed).length === 0) return failures.unsigned
  const uploaded = signaturesOf(target.object, signerId)
  const signatures = Object.entries(claimed).flatMap(([signerKey, signature]) => {
    const candidate = { targetUser: target.userId, targetKey: target.name, signerUser: signerId, signerKey, signature }
    return uploaded[signerKey] === signature || present.has(signatureName(candidate)) ? [] : [candidate]
  })
  for (const { signerKey } of signatures) {
    const signer = target.signers.find(({ name }) => keyIdOf(name) === signerKey)
    if (!signer || !isSignedBy(object, signer)) return failures.forged
  }
  return { target, signatures }
}

/** The signed content, or the failure of an object that is no key. */
function signedContent(object: JsonObject): string | JsonObject {
  try {
    return canonicalUpload(unsignedPart(object), maxKeyBytes)
  } catch (error) {
    if (error instanceof MatrixError) return error.body() as JsonObject
    throw error
  }
}
