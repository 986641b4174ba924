import { invalidParam, MatrixError, notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { isValidUserId, type UserId } from '#protocol/ids.ts'
import type { CrossSigningKey, KeySignature } from '#store/e2ee/cross-signing.ts'
import type { StoredDeviceKeys } from '#store/e2ee/device-keys.ts'
import type { DeviceListChange } from '#store/e2ee/device-lists.ts'
import { identityOf, signerOf } from './check-device-keys.ts'
import { announceDeviceLists } from './device-lists.ts'
import { invalidSignature } from './refusals.ts'
import { canonicalUpload, isSignedBy, keyIdOf, signaturesOf, unsignedPart, type Signer } from './signed-keys.ts'

const maxKeyBytes = 16_384

/** User id to key id (device id or public key) to the key with new signatures. */
export type SignatureUpload = Record<string, Record<string, JsonObject>>
type Failures = Record<string, Record<string, JsonObject>>

/** A key that can be signed, and who may sign it. */
type Target = {
  userId: UserId
  name: string
  /** As it is stored, with the signatures it came with. */
  object: JsonObject
  signers: Signer[]
  change: DeviceListChange
}

/** Stores the signatures that are true and answers an error for each key of which they are not. */
export async function uploadSignatures(
  ctx: Pick<Context, 'store' | 'bus'>,
  signerId: UserId,
  upload: SignatureUpload,
): Promise<Failures> {
  const { store } = ctx
  const userIds = [...new Set([signerId, ...Object.keys(upload).filter(isValidUserId)])]
  const keys = await store.e2ee.crossSigning.listOf(userIds)
  const devices = await store.e2ee.deviceKeys.listOf([signerId])
  const present = await store.e2ee.crossSigning.signaturesOn(userIds, signerId)
  const targets = [...ownTargets(signerId, keys, devices), ...othersMasters(signerId, keys)]
  const accepted: { target: Target; signatures: KeySignature[] }[] = []
  const failures = Object.entries(upload).map(([userId, objects]) => {
    const failed = Object.entries(objects).flatMap(([name, object]) => {
      try {
        const target = targets.find((candidate) => candidate.userId === userId && candidate.name === name)
        accepted.push(check({ signerId, target, present }, object))
        return []
      } catch (error) {
        if (error instanceof MatrixError) return [[name, error.body() as JsonObject] as const]
        throw error
      }
    })
    return [userId, Object.fromEntries(failed)] as const
  })
  await save(ctx, accepted)
  return Object.fromEntries(failures.filter(([, failed]) => Object.keys(failed).length > 0))
}

async function save(
  ctx: Pick<Context, 'store' | 'bus'>,
  accepted: { target: Target; signatures: KeySignature[] }[],
): Promise<void> {
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

/** The master keys of others are signed by the user-signing key, and nobody else may see that. */
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

type Check = { signerId: UserId; target: Target | undefined; present: readonly KeySignature[] }

/** The signatures to add; signatures that are known already may come again. */
function check(
  { signerId, target, present }: Check,
  object: JsonObject,
): { target: Target; signatures: KeySignature[] } {
  if (!target) throw notFound('There is no such key')
  if (contentOf(object) !== contentOf(target.object)) throw invalidParam('This is not the key that is stored')
  const claimed = signaturesOf(object, signerId)
  if (Object.keys(claimed).length === 0) throw invalidSignature('There is no signature of yours')
  const uploaded = signaturesOf(target.object, signerId)
  const signatures = Object.entries(claimed).flatMap(([signerKey, signature]) => {
    const candidate = { targetUser: target.userId, targetKey: target.name, signerUser: signerId, signerKey, signature }
    const isKnown = uploaded[signerKey] === signature || present.some((other) => isEqual(other, candidate))
    return isKnown ? [] : [candidate]
  })
  for (const { signerKey } of signatures) {
    const signer = target.signers.find(({ name }) => keyIdOf(name) === signerKey)
    if (!signer || !isSignedBy(object, signer)) throw invalidSignature()
  }
  return { target, signatures }
}

const contentOf = (object: JsonObject): string => canonicalUpload(unsignedPart(object), maxKeyBytes)

const isEqual = (one: KeySignature, other: KeySignature): boolean =>
  one.targetUser === other.targetUser &&
  one.targetKey === other.targetKey &&
  one.signerUser === other.signerUser &&
  one.signerKey === other.signerKey &&
  one.signature === other.signature
