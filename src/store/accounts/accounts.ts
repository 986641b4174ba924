import { inLowerCase } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import type { UserId } from '#protocol/ids.ts'

export type Account = Readonly<{
  userId: UserId
  /** Argon2id in PHC form; absent for accounts that have no password. */
  passwordHash: string | undefined
  isAdmin: boolean
  /** Synapse's `user_type`: `bot` or `support`. */
  userType: string | undefined
  appserviceId: string | undefined
  createdAt: number
  deactivatedAt: number | undefined
  isErased: boolean
  isLocked: boolean
  isSuspended: boolean
}>

export type NewAccount = Pick<Account, 'userId' | 'createdAt'> &
  Partial<Pick<Account, 'passwordHash' | 'isAdmin' | 'userType' | 'appserviceId'>>

type Row = {
  user_id: UserId
  folded_id: string
  password_hash: string | null
  is_admin: boolean | number
  user_type: string | null
  appservice_id: string | null
  created_at: number | string
  deactivated_at: number | string | null
  is_erased: boolean | number
  is_locked: boolean | number
  is_suspended: boolean | number
}

export const accounts = (db: Db) => ({
  async find(userId: UserId): Promise<Account | undefined> {
    const row = await db<Row>('accounts').where({ user_id: userId }).first()
    return row && fromRow(row)
  },

  /** The account, locked until the transaction ends, if its password hash is still this one. */
  async hold({ userId, passwordHash }: Pick<Account, 'userId' | 'passwordHash'>): Promise<Account | undefined> {
    const row = await db<Row>('accounts')
      .where({ user_id: userId, password_hash: passwordHash ?? null })
      .forShare()
      .first()
    return row && fromRow(row)
  },

  /** Every account whose id differs from this one at most in case. */
  async listFolded(userId: UserId): Promise<Account[]> {
    const rows = await db<Row>('accounts')
      .where({ folded_id: inLowerCase(userId) })
      .limit(10)
    return rows.map(fromRow)
  },

  /** Of some users, those whose accounts are deactivated. */
  async deactivatedAmong(userIds: readonly UserId[]): Promise<UserId[]> {
    return db<Row>('accounts').whereIn('user_id', userIds).whereNotNull('deactivated_at').pluck('user_id')
  },

  /** All whose accounts were erased: the condition is that of their index. */
  async erased(): Promise<UserId[]> {
    return db<Row>('accounts').whereRaw('is_erased').pluck('user_id')
  },

  async hasAdmin(): Promise<boolean> {
    const row = await db<Row>('accounts').whereRaw('is_admin').whereNull('deactivated_at').first('user_id')
    return row !== undefined
  },

  /** False when the user id is taken. */
  async insert(account: NewAccount): Promise<boolean> {
    const inserted = await db<Row>('accounts')
      .insert(toRow(account))
      .onConflict('user_id')
      .ignore()
      .returning('user_id')
    return inserted.length === 1
  },

  async setPasswordHash(userId: UserId, passwordHash: string): Promise<void> {
    await db<Row>('accounts').where({ user_id: userId }).update({ password_hash: passwordHash })
  },

  async setAdmin(userId: UserId, isAdmin: boolean): Promise<void> {
    await db<Row>('accounts').where({ user_id: userId }).update({ is_admin: isAdmin })
  },

  async setLocked(userId: UserId, isLocked: boolean): Promise<void> {
    await db<Row>('accounts').where({ user_id: userId }).update({ is_locked: isLocked })
  },

  async setSuspended(userId: UserId, isSuspended: boolean): Promise<void> {
    await db<Row>('accounts').where({ user_id: userId }).update({ is_suspended: isSuspended })
  },

  /** Ends the account for good, its id stays taken; the password, to say so to who knows it, unless all is to be erased. What is erased stays so. */
  async deactivate(userId: UserId, { at, erase }: { at: number; erase: boolean }): Promise<void> {
    await db<Row>('accounts')
      .where({ user_id: userId })
      .update({ deactivated_at: at, is_admin: false, ...(erase && { is_erased: true, password_hash: null }) })
  },
})

const toRow = (account: NewAccount): Row => ({
  user_id: account.userId,
  folded_id: inLowerCase(account.userId),
  password_hash: account.passwordHash ?? null,
  is_admin: account.isAdmin ?? false,
  user_type: account.userType ?? null,
  appservice_id: account.appserviceId ?? null,
  created_at: account.createdAt,
  deactivated_at: null,
  is_erased: false,
  is_locked: false,
  is_suspended: false,
})

const fromRow = (row: Row): Account => ({
  userId: row.user_id,
  passwordHash: row.password_hash ?? undefined,
  isAdmin: Boolean(row.is_admin),
  userType: row.user_type ?? undefined,
  appserviceId: row.appservice_id ?? undefined,
  createdAt: Number(row.created_at),
  deactivatedAt: row.deactivated_at === null ? undefined : Number(row.deactivated_at),
  isErased: Boolean(row.is_erased),
  isLocked: Boolean(row.is_locked),
  isSuspended: Boolean(row.is_suspended),
})
