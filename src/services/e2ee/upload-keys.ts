import { forbidden, invalidParam, tooLarge, unknown, unknownToken } from '#base/errors.ts'
import { keyStocksChanged, type Device } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { StoredDeviceKeys } from '#store/e2ee/device-keys.ts'
import type { KeyStock, PublicKey } from '#store/e2ee/one-time-keys.ts'
import type { Transaction } from '#store/open.ts'
import { checkDeviceKeys, isSelfSigned, signerOf, type DeviceKeysUpload } from './check-device-keys.ts'
import { checkFallbackKeys, checkOneTimeKeys, type OneTimeKeyUpload } from './check-one-time-keys.ts'
import { announceDeviceLists } from './device-lists.ts'
import { countsOf } from './key-stock.ts'
import { invalidSignature } from './refusals.ts'

/** More than any client holds private halves of; libolm keeps 100. */
const maxOneTimeKeys = 1000
/** One an algorithm; clients know one or two of these. */
const maxFallbackKeys = 20
/** Of one device, as JSON: its own, and those of its user's cross-signing keys. */
const maxSignaturesBytes = 16_384

type Needs = Pick<Context, 'store' | 'bus'>

export type KeysUpload = {
  deviceKeys?: DeviceKeysUpload | undefined
  oneTimeKeys?: Record<string, OneTimeKeyUpload> | undefined
  fallbackKeys?: Record<string, OneTimeKeyUpload> | undefined
}

/** Publishes keys of a device and answers how many one-time keys it has, by algorithm. */
export async function uploadKeys(ctx: Needs, device: Device, upload: KeysUpload): Promise<Record<string, number>> {
  const keys = checkUpload(device, upload)
  if (!keys.identity && keys.oneTimeKeys.length + keys.fallbackKeys.length === 0)
    return countsOf(await ctx.store.e2ee.oneTimeKeys.stock(device.userId, device.deviceId))
  const { changed, stock } = await ctx.store.transaction((tx) => saveKeys(tx, device, keys))
  announceUpload(ctx, device, changed)
  return countsOf(stock)
}

/** Must follow the commit of `saveKeys`. */
export function announceUpload(ctx: Pick<Context, 'bus'>, { userId, deviceId }: Device, changed: boolean): void {
  ctx.bus.publish(keyStocksChanged, { devices: [{ userId, deviceId }] })
  if (changed) announceDeviceLists(ctx, [userId])
}

/** Keys that may be stored as they are. */
export type CheckedUpload = {
  identity: StoredDeviceKeys | undefined
  oneTimeKeys: PublicKey[]
  fallbackKeys: PublicKey[]
}

/** Refuses what is malformed, forged or belongs to another device. */
export function checkUpload({ userId, deviceId }: Device, upload: KeysUpload): CheckedUpload {
  return {
    identity: upload.deviceKeys && checkDeviceKeys(userId, deviceId, upload.deviceKeys),
    oneTimeKeys: checkOneTimeKeys(upload.oneTimeKeys ?? {}),
    fallbackKeys: checkFallbackKeys(upload.fallbackKeys ?? {}),
  }
}

/** The part inside a transaction; `announceUpload` must follow the commit. */
export async function saveKeys(
  tx: Transaction,
  device: Device,
  keys: CheckedUpload,
): Promise<{ changed: boolean; stock: KeyStock }> {
  const { userId, deviceId } = device
  if (!(await tx.e2ee.deviceKeys.holdDevice(userId, deviceId))) throw unknownToken()
  await tx.e2ee.oneTimeKeys.lock(userId, deviceId)
  await addOneTimeKeys(tx, device, keys.oneTimeKeys)
  await saveFallbacks(tx, device, keys.fallbackKeys)
  const stock = await tx.e2ee.oneTimeKeys.restock(userId, deviceId)
  return { stock, changed: keys.identity !== undefined && (await replaceIdentity(tx, keys.identity)) }
}

/** The same key again is welcome: the answer to the first upload may have been lost. */
async function addOneTimeKeys(tx: Transaction, { userId, deviceId }: Device, keys: PublicKey[]): Promise<void> {
  if (keys.length === 0) return
  const nameOf = ({ algorithm, keyId }: PublicKey) => `${algorithm}:${keyId}`
  const present = await tx.e2ee.oneTimeKeys.list(userId, deviceId)
  const known = new Map(present.map((key) => [nameOf(key), key.json]))
  const added = keys.filter((key) => !known.has(nameOf(key)))
  if (keys.some((key) => (known.get(nameOf(key)) ?? key.json) !== key.json))
    throw unknown('One time key already exists')
  if (added.length > 0 && known.size + added.length > maxOneTimeKeys)
    throw invalidParam('There are too many one-time keys')
  await tx.e2ee.oneTimeKeys.add(userId, deviceId, added)
}

async function saveFallbacks(tx: Transaction, { userId, deviceId }: Device, keys: PublicKey[]): Promise<void> {
  if (keys.length === 0) return
  for (const key of keys) await tx.e2ee.oneTimeKeys.saveFallback(userId, deviceId, key)
  if ((await tx.e2ee.oneTimeKeys.countFallbacks(userId, deviceId)) > maxFallbackKeys)
    throw invalidParam('There are too many fallback keys')
}

/** Answers whether others must ask for the keys anew. */
async function replaceIdentity(tx: Transaction, upload: StoredDeviceKeys): Promise<boolean> {
  const { userId, deviceId } = upload
  const before = await tx.e2ee.deviceKeys.find(userId, deviceId)
  const isSame = before?.identity === upload.identity
  const signatures = isSame ? { ...before.signatures, ...upload.signatures } : upload.signatures
  if (isSame && isEqual(signatures, before.signatures)) return false
  if (Buffer.byteLength(JSON.stringify(signatures)) > maxSignaturesBytes)
    throw tooLarge('There are too many signatures')
  if (before && !isSame) await allowReplacement(tx, before, upload)
  await refuseTakenName(tx, upload)
  await tx.e2ee.deviceKeys.save({ ...upload, signatures })
  await tx.e2ee.deviceLists.record([{ userId, deviceId }], await tx.streams.next('device_lists'))
  return true
}

/** Others have learned to trust a signed identity, so it stays for the life of the device. */
async function allowReplacement(tx: Transaction, before: StoredDeviceKeys, after: StoredDeviceKeys): Promise<void> {
  const { userId, deviceId } = before
  if (isSelfSigned(before)) {
    if (signerOf(before).publicKey !== signerOf(after).publicKey)
      throw invalidParam('The device has another identity key already')
    if (!isSelfSigned(after)) throw invalidSignature('The device keys are not signed by the device')
  }
  await tx.e2ee.crossSigning.removeSignaturesOn(userId, deviceId)
}

/** Key ids of devices and of cross-signing keys share one namespace. */
async function refuseTakenName(tx: Transaction, { userId, deviceId }: StoredDeviceKeys): Promise<void> {
  const keys = await tx.e2ee.crossSigning.listOf([userId])
  if (keys.some((key) => key.publicKey === deviceId))
    throw forbidden('The device id is the name of a cross-signing key')
}

const isEqual = (one: Record<string, string>, other: Record<string, string>): boolean =>
  Object.keys(one).length === Object.keys(other).length && Object.entries(one).every(([id, text]) => other[id] === text)
