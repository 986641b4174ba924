import { forbidden, invalidParam, missingParam } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { decodePublicKey } from '#protocol/events/signing-key.ts'
import { confirmInteractively } from '#services/accounts/sessions/confirm-interactively.ts'
import type { CrossSigningKey, KeyUsage } from '#store/e2ee/cross-signing.ts'
import type { Transaction } from '#store/open.ts'
import { signerOf } from './check-device-keys.ts'
import { announceDeviceLists } from './device-lists.ts'
import { invalidSignature } from './refusals.ts'
import { canonicalUpload, isSignedBy, keyIdOf, signaturesOf, unsignedPart } from './signed-keys.ts'
import type { UserId } from '#protocol/ids.ts'

const maxKeyBytes = 8192
const keyUsages = ['master', 'self_signing', 'user_signing'] as const satisfies readonly KeyUsage[]
const wireNames = keyUsages.map((usage) => `${usage}_key` as const)

type Needs = Pick<Context, 'store' | 'bus' | 'clock' | 'config' | 'tokens' | 'rateBuckets'>

/** A cross-signing key whose form the endpoint has checked. */
export type KeyUpload = JsonObject & { user_id: UserId; usage: string[]; keys: Record<string, string> }

export type CrossSigningUpload = {
  master_key?: KeyUpload | undefined
  self_signing_key?: KeyUpload | undefined
  user_signing_key?: KeyUpload | undefined
  auth?: unknown
}

type Requester = { userId: UserId; appserviceId: string | undefined }
type Keys = Partial<Record<KeyUsage, CrossSigningKey>>

const endpoint = 'POST /_matrix/client/v3/keys/device_signing/upload'

/** Publishes cross-signing keys; replacing existing ones needs user-interactive authentication. */
export async function uploadCrossSigningKeys(
  ctx: Needs,
  requester: Requester,
  upload: CrossSigningUpload,
): Promise<void> {
  const { userId } = requester
  const confirm = () => confirmInteractively(ctx, { requester, endpoint, body: upload })
  const isAuthAlone = upload.auth !== undefined && wireNames.every((name) => upload[name] === undefined)
  const given = readKeys(userId, isAuthAlone ? ((await confirm()) as CrossSigningUpload) : upload)
  const present = byUsage(await ctx.store.e2ee.crossSigning.listOf([userId]))
  await checkKeys(ctx.store, { given, present })
  const isReplacing = isReplacement(present, given)
  if (isReplacing && !isAuthAlone && !(await hasPermit(ctx, userId))) await confirm()
  const changed = await ctx.store.transaction(async (tx) => {
    // The counter row is the lock: of two first uploads at once, the second is a replacement.
    const position = await tx.streams.next('device_lists')
    const before = byUsage(await tx.e2ee.crossSigning.listOf([userId]))
    if (!isReplacing && isReplacement(before, given)) throw forbidden('Other keys were uploaded meanwhile')
    if (!(await replaceKeys(tx, before, given))) return false
    await tx.e2ee.crossSigning.withdrawPermit(userId)
    await tx.e2ee.deviceLists.record([{ userId }], position)
    return true
  })
  if (changed) announceDeviceLists(ctx, [userId])
}

const hasPermit = async ({ store, clock }: Needs, userId: UserId): Promise<boolean> =>
  (await store.e2ee.crossSigning.mayReplaceUntil(userId)) > clock.now()

function readKeys(userId: UserId, uploads: CrossSigningUpload): Keys {
  const keys = keyUsages.flatMap((usage) => {
    const upload = uploads[`${usage}_key`]
    return upload ? [readKey({ userId, usage }, upload)] : []
  })
  if (new Set(keys.map((key) => key.publicKey)).size < keys.length) throw invalidParam('Two keys are the same')
  return byUsage(keys)
}

/** Throws M_INVALID_PARAM for what is not this user's key for this usage. */
export function readKey({ userId, usage }: { userId: UserId; usage: KeyUsage }, upload: KeyUpload): CrossSigningKey {
  if (upload.user_id !== userId) throw invalidParam('A key claims to belong to another user')
  if (!upload.usage.includes(usage)) throw invalidParam('A key is for another usage')
  const [[keyId, publicKey] = ['', ''], ...more] = Object.entries(upload.keys)
  if (more.length > 0 || keyId !== keyIdOf(publicKey) || !decodePublicKey(publicKey))
    throw invalidParam('A key is not one ed25519 key named after itself')
  const own = signaturesOf(upload, userId)
  const signatures = Object.keys(own).length === 0 ? {} : { signatures: { [userId]: own } }
  return { userId, usage, publicKey, json: canonicalUpload({ ...unsignedPart(upload), ...signatures }, maxKeyBytes) }
}

async function checkKeys(store: Context['store'], { given, present }: { given: Keys; present: Keys }): Promise<void> {
  const master = given.master ?? present.master
  if (!master) throw missingParam('There is no master key yet')
  const { userId } = master
  for (const key of [given.self_signing, given.user_signing])
    if (key && !isSignedBy(objectOf(key), { userId, name: master.publicKey, publicKey: master.publicKey }))
      throw invalidSignature('A key is not signed by the master key')
  const devices = await store.e2ee.deviceKeys.listOf([userId])
  const ids = new Set([...devices, ...(await store.accounts.devices.list(userId))].map(({ deviceId }) => deviceId))
  if (Object.values(given).some(({ publicKey }) => ids.has(publicKey)))
    throw forbidden('A key has the name of a device')
  if (!given.master) return
  const object = objectOf(given.master)
  for (const device of devices) {
    const claimsToSign = Object.hasOwn(signaturesOf(object, userId), keyIdOf(device.deviceId))
    if (claimsToSign && !isSignedBy(object, signerOf(device)))
      throw invalidSignature('A device has not signed the master key')
  }
}

/** Whether the upload would change or extend published keys. */
function isReplacement(present: Keys, given: Keys): boolean {
  return present.master !== undefined && Object.values(given).some((key) => !isSameKey(present[key.usage], key))
}

/** Answers whether anything changed. Keys that a new master key did not sign are deleted with the old one. */
async function replaceKeys(tx: Transaction, before: Keys, given: Keys): Promise<boolean> {
  const changed = Object.values(given).filter((key) => !isSameKey(before[key.usage], key))
  const isNewMaster =
    given.master !== undefined && before.master !== undefined && before.master.publicKey !== given.master.publicKey
  for (const old of Object.values(before)) {
    const key = given[old.usage]
    if (key ? key.publicKey !== old.publicKey : isNewMaster) await tx.e2ee.crossSigning.remove(old)
  }
  for (const key of changed) await tx.e2ee.crossSigning.save(key)
  return changed.length > 0
}

/** Without signatures: others may have been added since. */
function isSameKey(one: CrossSigningKey | undefined, other: CrossSigningKey): boolean {
  const signed = (key: CrossSigningKey) => canonicalUpload(unsignedPart(objectOf(key)), maxKeyBytes)
  return one !== undefined && signed(one) === signed(other)
}

const objectOf = ({ json }: CrossSigningKey): JsonObject => JSON.parse(json) as JsonObject

const byUsage = (keys: readonly CrossSigningKey[]): Keys => Object.fromEntries(keys.map((key) => [key.usage, key]))
