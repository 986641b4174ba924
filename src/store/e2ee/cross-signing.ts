import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'
import { pairList } from '#store/engine/pair-list.ts'
import type { UserId } from '#protocol/ids.ts'
import { inSlices } from '#base/in-slices.ts'

export type KeyUsage = 'master' | 'self_signing' | 'user_signing'

export type CrossSigningKey = Readonly<{
  userId: UserId
  usage: KeyUsage
  /** Unpadded base64; the key id is `ed25519:` and this. */
  publicKey: string
  /** Canonical JSON of the upload, signatures included. */
  json: string
}>

/** A signature uploaded after the key it is on; the target is a device id or a master public key. */
export type KeySignature = Readonly<{
  targetUser: UserId
  targetKey: string
  signerUser: UserId
  signerKey: string
  signature: string
}>

type KeyRow = { user_id: UserId; usage: KeyUsage; public_key: string; key_json: string }
type SignatureRow = {
  target_user: UserId
  target_key: string
  signer_user: UserId
  signer_key: string
  signature: string
}
type PermitRow = { user_id: UserId; until: number }

export const crossSigning = (db: Db, kind: Engine['kind']) => ({
  async listOf(userIds: readonly UserId[]): Promise<CrossSigningKey[]> {
    if (userIds.length === 0) return []
    return (await db<KeyRow>('cross_signing_keys').whereRaw(...inList(kind, 'user_id', userIds))).map(keyOf)
  },

  async save({ userId, usage, publicKey, json }: CrossSigningKey): Promise<void> {
    await db<KeyRow>('cross_signing_keys')
      .insert({ user_id: userId, usage, public_key: publicKey, key_json: json })
      .onConflict(['user_id', 'usage'])
      .merge()
  },

  /** Removes a key with all signatures on it and by it. */
  async remove({ userId, usage, publicKey }: CrossSigningKey): Promise<void> {
    await db<KeyRow>('cross_signing_keys').where({ user_id: userId, usage, public_key: publicKey }).delete()
    await db<SignatureRow>('cross_signing_signatures').where({ target_user: userId, target_key: publicKey }).delete()
    await db<SignatureRow>('cross_signing_signatures')
      .where({ signer_user: userId, signer_key: `ed25519:${publicKey}` })
      .delete()
  },

  /** Removes the keys of a user whom we may meet again: signatures of others on them stay. */
  async forget(userId: UserId): Promise<void> {
    await db<KeyRow>('cross_signing_keys').where({ user_id: userId }).delete()
  },

  /** Signatures on keys of some users: their own, and the viewer's. */
  async signaturesOn(targetUsers: readonly UserId[], viewer: UserId | undefined): Promise<KeySignature[]> {
    if (targetUsers.length === 0) return []
    const ownAndViewers = targetUsers.flatMap((target) => [
      [target, target] as const,
      [target, viewer ?? target] as const,
    ])
    const rows = await db<SignatureRow>('cross_signing_signatures').whereRaw(
      ...pairList(kind, ['target_user', 'signer_user'], ownAndViewers),
    )
    return rows.map(signatureOf)
  },

  /** Adds signatures; a new one by the same key replaces the old one. */
  async addSignatures(signatures: readonly KeySignature[]): Promise<void> {
    const rows = signatures.map(signatureRow)
    for (const slice of inSlices(rows, 200))
      await db<SignatureRow>('cross_signing_signatures')
        .insert(slice)
        .onConflict(['target_user', 'target_key', 'signer_user', 'signer_key'])
        .merge()
  },

  /** Deletes signatures on a key whose content has changed. */
  async removeSignaturesOn(targetUser: UserId, targetKey: string): Promise<void> {
    await db<SignatureRow>('cross_signing_signatures')
      .where({ target_user: targetUser, target_key: targetKey })
      .delete()
  },

  /** Deletes signatures by the key of a device that has another one now. */
  async removeSignaturesBy(signerUser: UserId, deviceId: string): Promise<void> {
    await db<SignatureRow>('cross_signing_signatures')
      .where({ signer_user: signerUser, signer_key: `ed25519:${deviceId}` })
      .delete()
  },

  /** Forgets signatures on devices and by them. */
  async deleteForDevices(userId: UserId, deviceIds: readonly string[]): Promise<void> {
    if (deviceIds.length === 0) return
    await db<SignatureRow>('cross_signing_signatures')
      .where({ target_user: userId })
      .whereRaw(...inList(kind, 'target_key', deviceIds))
      .delete()
    const keyIds = deviceIds.map((deviceId) => `ed25519:${deviceId}`)
    await db<SignatureRow>('cross_signing_signatures')
      .where({ signer_user: userId })
      .whereRaw(...inList(kind, 'signer_key', keyIds))
      .delete()
  },

  /** Lets the user replace the keys without a further proof until then, in ms. */
  async permitReplacement(userId: UserId, until: number): Promise<void> {
    await db<PermitRow>('cross_signing_permits').insert({ user_id: userId, until }).onConflict('user_id').merge()
  },

  async mayReplaceUntil(userId: UserId): Promise<number> {
    const row = await db<PermitRow>('cross_signing_permits').where({ user_id: userId }).first()
    return Number(row?.until ?? 0)
  },

  async withdrawPermit(userId: UserId): Promise<void> {
    await db<PermitRow>('cross_signing_permits').where({ user_id: userId }).delete()
  },

  async deleteExpiredPermits(now: number): Promise<void> {
    await db<PermitRow>('cross_signing_permits').where('until', '<=', now).delete()
  },
})

const keyOf = (row: KeyRow): CrossSigningKey => ({
  userId: row.user_id,
  usage: row.usage,
  publicKey: row.public_key,
  json: row.key_json,
})

const signatureOf = (row: SignatureRow): KeySignature => ({
  targetUser: row.target_user,
  targetKey: row.target_key,
  signerUser: row.signer_user,
  signerKey: row.signer_key,
  signature: row.signature,
})

const signatureRow = (signature: KeySignature): SignatureRow => ({
  target_user: signature.targetUser,
  target_key: signature.targetKey,
  signer_user: signature.signerUser,
  signer_key: signature.signerKey,
  signature: signature.signature,
})
