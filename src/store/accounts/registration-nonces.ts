import type { Db } from '#store/engine/db.ts'

type Row = { nonce_hash: string; expires_at: number | string }

/** Nonces of shared-secret registration: each works once and for a short time. */
export const registrationNonces = (db: Db) => ({
  async insert(nonceHash: string, expiresAt: number): Promise<void> {
    await db<Row>('registration_nonces').insert({ nonce_hash: nonceHash, expires_at: expiresAt })
  },

  /** False when the nonce is unknown, used or too old. */
  async use(nonceHash: string, now: number): Promise<boolean> {
    return (
      (await db<Row>('registration_nonces').where({ nonce_hash: nonceHash }).where('expires_at', '>', now).delete()) ===
      1
    )
  },

  async deleteExpired(now: number): Promise<void> {
    await db<Row>('registration_nonces').where('expires_at', '<=', now).delete()
  },
})
