import type { Db } from '#store/engine/db.ts'

export type RegistrationToken = Readonly<{
  tokenHash: string
  /** The token in clear, which administrators can list; absent for invitations to become administrator. */
  token: string | undefined
  usesAllowed: number | undefined
  uses: number
  expiresAt: number | undefined
  grantsAdmin: boolean
  createdAt: number
}>

type Row = {
  token_hash: string
  token: string | null
  uses_allowed: number | null
  uses: number
  expires_at: number | string | null
  grants_admin: boolean | number
  created_at: number | string
}

export const registrationTokens = (db: Db) => ({
  async find(tokenHash: string): Promise<RegistrationToken | undefined> {
    const row = await db<Row>('registration_tokens').where({ token_hash: tokenHash }).first()
    return row && fromRow(row)
  },

  /** Whether there is an unused invitation to become administrator. */
  async hasAdminInvitation(now: number): Promise<boolean> {
    const row = await usable(db, now).where({ grants_admin: true }).first('token_hash')
    return row !== undefined
  },

  /** False when the token exists. */
  async insert(token: RegistrationToken): Promise<boolean> {
    const inserted = await db<Row>('registration_tokens')
      .insert(toRow(token))
      .onConflict('token_hash')
      .ignore()
      .returning('token_hash')
    return inserted.length === 1
  },

  /** Takes one use; false when none is left. */
  async use(tokenHash: string, now: number): Promise<boolean> {
    const taken = await usable(db, now).where({ token_hash: tokenHash }).increment('uses', 1)
    return Number(taken) === 1
  },

  /** Deletes tokens that expired before the time given. */
  async deleteExpired(before: number): Promise<void> {
    await db<Row>('registration_tokens').where('expires_at', '<=', before).delete()
  },

  async deleteAdminInvitations(): Promise<void> {
    await db<Row>('registration_tokens').where({ grants_admin: true }).delete()
  },
})

const usable = (db: Db, now: number) =>
  db<Row>('registration_tokens')
    .where((left) => void left.whereNull('uses_allowed').orWhereRaw('uses < uses_allowed'))
    .where((alive) => void alive.whereNull('expires_at').orWhere('expires_at', '>', now))

const toRow = (token: RegistrationToken): Row => ({
  token_hash: token.tokenHash,
  token: token.token ?? null,
  uses_allowed: token.usesAllowed ?? null,
  uses: token.uses,
  expires_at: token.expiresAt ?? null,
  grants_admin: token.grantsAdmin,
  created_at: token.createdAt,
})

const fromRow = (row: Row): RegistrationToken => ({
  tokenHash: row.token_hash,
  token: row.token ?? undefined,
  usesAllowed: row.uses_allowed ?? undefined,
  uses: row.uses,
  expiresAt: row.expires_at === null ? undefined : Number(row.expires_at),
  grantsAdmin: Boolean(row.grants_admin),
  createdAt: Number(row.created_at),
})
