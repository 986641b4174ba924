import type { ServerName } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'

/** A key of another server; times in milliseconds since the epoch. */
export type StoredServerKey = Readonly<{
  keyId: string
  /** In unpadded base64. */
  publicKey: string
  validUntil: number
  /** When its server stopped using it; undefined for one in use. */
  expiredAt: number | undefined
}>

/** The signed answer in which a server published its keys, as JSON text. */
export type ServerKeyAnswer = Readonly<{
  serverName: ServerName
  answer: string
  validUntil: number
  fetchedAt: number
}>

type KeyRow = {
  server_name: ServerName
  key_id: string
  public_key: string
  valid_until: number
  expired_at: number | null
}
type AnswerRow = { server_name: ServerName; answer: string; valid_until: number; fetched_at: number }

export const serverKeys = (db: Db) => ({
  async list(serverName: ServerName): Promise<StoredServerKey[]> {
    const rows = await db<KeyRow>('server_keys').where({ server_name: serverName })
    return rows.map((row) => ({
      keyId: row.key_id,
      publicKey: row.public_key,
      validUntil: Number(row.valid_until),
      expiredAt: row.expired_at === null ? undefined : Number(row.expired_at),
    }))
  },

  /** Adds keys, or moves their times; the bytes of a known key id never change. */
  async save(serverName: ServerName, keys: readonly StoredServerKey[]): Promise<void> {
    if (keys.length === 0) return
    await db<KeyRow>('server_keys')
      .insert(
        keys.map(({ keyId, publicKey, validUntil, expiredAt }) => ({
          server_name: serverName,
          key_id: keyId,
          public_key: publicKey,
          valid_until: validUntil,
          expired_at: expiredAt ?? null,
        })),
      )
      .onConflict(['server_name', 'key_id'])
      .merge(['valid_until', 'expired_at'])
  },

  async saveAnswer({ serverName, answer, validUntil, fetchedAt }: ServerKeyAnswer): Promise<void> {
    await db<AnswerRow>('server_key_answers')
      .insert({ server_name: serverName, answer, valid_until: validUntil, fetched_at: fetchedAt })
      .onConflict('server_name')
      .merge()
  },

  async findAnswers(serverNames: readonly ServerName[]): Promise<ServerKeyAnswer[]> {
    const rows = await db<AnswerRow>('server_key_answers').whereIn('server_name', serverNames)
    return rows.map((row) => ({
      serverName: row.server_name,
      answer: row.answer,
      validUntil: Number(row.valid_until),
      fetchedAt: Number(row.fetched_at),
    }))
  },

  /** Deletes all of the servers whose keys were fetched longest ago, but for so many. */
  async keepNewest(most: number): Promise<void> {
    const [first] = await db<AnswerRow>('server_key_answers')
      .orderBy('fetched_at', 'desc')
      .offset(most)
      .limit(1)
      .select('fetched_at')
    if (!first) return
    const old = db<AnswerRow>('server_key_answers').where('fetched_at', '<=', first.fetched_at).select('server_name')
    await db<KeyRow>('server_keys').whereIn('server_name', old).delete()
    await db<AnswerRow>('server_key_answers').where('fetched_at', '<=', first.fetched_at).delete()
  },
})
