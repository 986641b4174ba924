import { forbidden, invalidParam, tooLarge, unknown, unknownToken } from '#base/errors.ts'
import { keyStocksChanged, type DeviceRef } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { keyFingerprint } from '#protocol/key-fingerprint.ts'
import type { FoundDeviceKeys, StoredDeviceKeys } from '#store/e2ee/device-keys.ts'
import type { KeyStock, PublicKey } from '#store/e2ee/one-time-keys.ts'
import type { Transaction } from '#store/open.ts'
import { checkDeviceKeys, isSelfSigned, signerOf, type DeviceKeysUpload } from './check-device-keys.ts'
import { checkFallbackKeys, checkOneTimeKeys, type OneTimeKeyUpload } from './check-one-time-keys.ts'
import { announceDeviceLists } from './device-lists.ts'
import { countsOf } from './key-stock.ts'
import { invalidSignature } from './refusals.ts'

/** One for each algorithm; clients have one or two. */
const maxFallbackKeys = 20
/** Bytes of a device's signatures as JSON: its own, and those of cross-signing keys. */
const maxSignaturesBytes = 16_384

type Needs = Pick<Context, 'store' | 'bus' | 'config'>

export type KeysUpload = {
  deviceKeys?: DeviceKeysUpload | undefined
  oneTimeKeys?: Record<string, OneTimeKeyUpload> | undefined
  fallbackKeys?: Record<string, OneTimeKeyUpload> | undefined
}

/** Publishes keys of a device and answers how many one-time keys it has, by algorithm. */
export async function uploadKeys(ctx: Needs, device: DeviceRef, upload: KeysUpload): Promise<Record<string, number>> {
  const keys = checkUpload(device, upload)
  if (!keys.identity && keys.oneTimeKeys.length + keys.fallbackKeys.length === 0)
    return countsOf(await ctx.store.e2ee.oneTimeKeys.stock(device.userId, device.deviceId))
  const { changed, stock } = await ctx.store.transaction((tx) => saveKeys(ctx, tx, { device, keys }))
  announceUpload(ctx, device, changed)
  return countsOf(stock)
}

/** Must follow the commit of `saveKeys`. */
export function announceUpload(ctx: Pick<Context, 'bus'>, { userId, deviceId }: DeviceRef, changed: boolean): void {
  ctx.bus.publish(keyStocksChanged, { devices: [{ userId, deviceId }] })
  if (changed) announceDeviceLists(ctx, [userId])
}

/** Keys that have passed the checks. */
export type CheckedUpload = {
  identity: StoredDeviceKeys | undefined
  oneTimeKeys: PublicKey[]
  fallbackKeys: PublicKey[]
}

/** Refuses keys that are malformed, wrongly signed or of another device. */
export function checkUpload({ userId, deviceId }: DeviceRef, upload: KeysUpload): CheckedUpload {
  return {
    identity: upload.deviceKeys && checkDeviceKeys(userId, deviceId, upload.deviceKeys),
    oneTimeKeys: checkOneTimeKeys(upload.oneTimeKeys ?? {}),
    fallbackKeys: checkFallbackKeys(upload.fallbackKeys ?? {}),
  }
}

/** The part inside a transaction; `announceUpload` must follow the commit. */
export async function saveKeys(
  { config }: Pick<Context, 'config'>,
  tx: Transaction,
  { device, keys }: { device: DeviceRef; keys: CheckedUpload },
): Promise<{ changed: boolean; stock: KeyStock }> {
  const { userId, deviceId } = device
  if (!(await tx.e2ee.deviceKeys.holdDevice(userId, deviceId))) throw unknownToken()
  await tx.e2ee.oneTimeKeys.lock(userId, deviceId)
  // The identity first: another one deletes all previous keys.
  const changed = keys.identity !== undefined && (await replaceIdentity(tx, keys.identity))
  await addOneTimeKeys(tx, { ...device, keys: keys.oneTimeKeys, most: config.limits.one_time_keys_per_device })
  await saveFallbacks(tx, device, keys.fallbackKeys)
  return { changed, stock: await tx.e2ee.oneTimeKeys.restock(userId, deviceId) }
}

type NewKeys = DeviceRef & { keys: readonly PublicKey[]; most: number }

/**
 * The same key may be uploaded again: the response to the first upload may have been lost. One that was claimed since
 * is ignored, since it must not be claimed twice; the client notices by the count.
 */
async function addOneTimeKeys(tx: Transaction, { userId, deviceId, keys, most }: NewKeys): Promise<void> {
  if (keys.length === 0) return
  const nameOf = ({ algorithm, keyId }: PublicKey) => `${algorithm}:${keyId}`
  const present = await tx.e2ee.oneTimeKeys.list(userId, deviceId)
  const known = new Map(present.map((key) => [nameOf(key), key.json]))
  if (keys.some((key) => (known.get(nameOf(key)) ?? key.json) !== key.json))
    throw unknown('One time key already exists')
  const claimed = await tx.e2ee.oneTimeKeys.claimedAmong(userId, deviceId, keys)
  const held = new Set(present.map(keyFingerprint))
  const added = keys.filter((key) => {
    const isNew = !claimed.has(key) && !held.has(keyFingerprint(key))
    held.add(keyFingerprint(key))
    return isNew
  })
  if (keys.length > most || (added.length > 0 && known.size + added.length > most))
    throw invalidParam('There are too many one-time keys')
  await tx.e2ee.oneTimeKeys.add(userId, deviceId, added)
}

async function saveFallbacks(tx: Transaction, { userId, deviceId }: DeviceRef, keys: PublicKey[]): Promise<void> {
  if (keys.length === 0) return
  for (const key of keys) await tx.e2ee.oneTimeKeys.saveFallback(userId, deviceId, key)
  if ((await tx.e2ee.oneTimeKeys.countFallbacks(userId, deviceId)) > maxFallbackKeys)
    throw invalidParam('There are too many fallback keys')
}

/** Answers whether other users must query the keys again. */
async function replaceIdentity(tx: Transaction, upload: StoredDeviceKeys): Promise<boolean> {
  const { userId, deviceId } = upload
  const before = await tx.e2ee.deviceKeys.find(userId, deviceId)
  const isSame = before?.identity === upload.identity
  const signatures = isSame ? { ...before.signatures, ...upload.signatures } : upload.signatures
  if (isSame && before.isFormer) await tx.e2ee.deviceKeys.setFormer(userId, deviceId, false)
  if (isSame && isEqual(signatures, before.signatures)) return false
  if (Buffer.byteLength(JSON.stringify(signatures)) > maxSignaturesBytes)
    throw tooLarge('There are too many signatures')
  if (before && !isSame) await allowReplacement(tx, before, upload)
  await refuseTakenName(tx, upload)
  await tx.e2ee.deviceKeys.save({ ...upload, signatures })
  await tx.e2ee.deviceLists.record([{ userId, deviceId }], await tx.streams.next('device_lists'))
  return true
}

/**
 * Other users may trust a signed identity, so it stays as long as the login that published it.
 * NOTSPEC: a client that logs in anew as a device, from a new key store, replaces the keys of the login before.
 * Refusing it, as other servers do, would leave the device without working keys for ever. One-time keys of the old
 * identity are deleted with it, and the change is in the device lists of other users.
 */
async function allowReplacement(tx: Transaction, before: FoundDeviceKeys, after: StoredDeviceKeys): Promise<void> {
  const { userId, deviceId } = before
  const isOtherKey = signerOf(before).publicKey !== signerOf(after).publicKey
  if (isSelfSigned(before)) {
    if (isOtherKey && !before.isFormer) throw invalidParam('The device has another identity key already')
    if (!isSelfSigned(after)) throw invalidSignature('The device keys are not signed by the device')
  }
  await tx.e2ee.crossSigning.removeSignaturesOn(userId, deviceId)
  if (!isOtherKey) return
  await tx.e2ee.oneTimeKeys.discard(userId, deviceId)
  await tx.e2ee.crossSigning.removeSignaturesBy(userId, deviceId)
}

/** Key ids of devices and of cross-signing keys share one namespace. */
async function refuseTakenName(tx: Transaction, { userId, deviceId }: StoredDeviceKeys): Promise<void> {
  const keys = await tx.e2ee.crossSigning.listOf([userId])
  if (keys.some((key) => key.publicKey === deviceId))
    throw forbidden('The device id is the name of a cross-signing key')
}

const isEqual = (one: Record<string, string>, other: Record<string, string>): boolean =>
  Object.keys(one).length === Object.keys(other).length && Object.entries(one).every(([id, text]) => other[id] === text)
