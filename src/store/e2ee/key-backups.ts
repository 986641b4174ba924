import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { pairList, type Pair } from '#store/engine/pair-list.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'
import { inSlices } from '#base/in-slices.ts'

/** A version of a user's key backup. */
export type KeyBackup = Readonly<{
  userId: UserId
  version: number
  algorithm: string
  /** JSON text. */
  authData: string
  /** Grows with every change of the stored keys. */
  etag: number
  keyCount: number
  /** Of the stored keys. */
  bytes: number
  /** The row stays only to keep the version number from being given again. */
  isDeleted: boolean
}>

export type BackedUpSession = Readonly<{
  roomId: RoomId
  sessionId: string
  firstMessageIndex: number
  forwardedCount: number
  isVerified: boolean
  /** JSON text. */
  sessionData: string
}>

/** Which keys of a version: all, those of a room, or one session. */
export type BackupScope = Readonly<{ userId: UserId; version: number; roomId?: RoomId; sessionId?: string }>

type BackupRow = {
  user_id: UserId
  version: number
  algorithm: string
  auth_data: string
  etag: number
  key_count: number
  bytes: number | string
  is_deleted: boolean | number
}
type SessionRow = {
  user_id: UserId
  version: number
  room_id: RoomId
  session_id: string
  first_message_index: number
  forwarded_count: number
  is_verified: boolean | number
  session_data: string
  bytes: number
}

export const keyBackups = (db: Db, kind: Engine['kind']) => ({
  /** The user's highest version, deleted or not. */
  async newest(userId: UserId): Promise<KeyBackup | undefined> {
    const row = await db<BackupRow>('key_backups').where({ user_id: userId }).orderBy('version', 'desc').first()
    return row && backupOf(row)
  },

  /** The newest version that is not deleted. */
  async current(userId: UserId): Promise<KeyBackup | undefined> {
    const row = await db<BackupRow>('key_backups')
      .where({ user_id: userId, is_deleted: false })
      .orderBy('version', 'desc')
      .first()
    return row && backupOf(row)
  },

  async find(userId: UserId, version: number): Promise<KeyBackup | undefined> {
    const row = await db<BackupRow>('key_backups').where({ user_id: userId, version, is_deleted: false }).first()
    return row && backupOf(row)
  },

  /** As `find`, with the version locked until the transaction ends. */
  async lock(userId: UserId, version: number): Promise<KeyBackup | undefined> {
    const row = await db<BackupRow>('key_backups')
      .where({ user_id: userId, version, is_deleted: false })
      .forUpdate()
      .first()
    return row && backupOf(row)
  },

  /** False when the version exists. */
  async insert(backup: KeyBackup): Promise<boolean> {
    const inserted = await db<BackupRow>('key_backups')
      .insert(backupRow(backup))
      .onConflict(['user_id', 'version'])
      .ignore()
      .returning('version')
    return inserted.length === 1
  },

  async update(backup: KeyBackup): Promise<void> {
    await db<BackupRow>('key_backups')
      .where({ user_id: backup.userId, version: backup.version })
      .update(backupRow(backup))
  },

  /** Removes the rows of deleted versions below another. */
  async sweepBelow(userId: UserId, version: number): Promise<void> {
    await db<BackupRow>('key_backups')
      .where({ user_id: userId, is_deleted: true })
      .where('version', '<', version)
      .delete()
  },

  /** Deletes those of deactivated accounts. */
  async deleteOfDeactivated(): Promise<void> {
    const ended = () => db('accounts').whereNotNull('deactivated_at').select('user_id')
    await db('key_backup_sessions').whereIn('user_id', ended()).delete()
    await db('key_backups').whereIn('user_id', ended()).delete()
  },

  /** Sessions in the order of room and session id, after one of them. */
  async listSessions(
    scope: BackupScope,
    { after, limit }: { after: Pair | undefined; limit: number },
  ): Promise<BackedUpSession[]> {
    const query = db<SessionRow>('key_backup_sessions')
      .where(columnsOf(scope))
      .orderBy(['room_id', 'session_id'])
      .limit(limit)
    if (after) void query.whereRaw('(room_id, session_id) > (?, ?)', [...after])
    return (await query).map(sessionOf)
  },

  /** Those of some sessions, named by room and session id, that are backed up. */
  async findSessions(userId: UserId, version: number, names: readonly Pair[]): Promise<BackedUpSession[]> {
    const rows = await db<SessionRow>('key_backup_sessions')
      .where({ user_id: userId, version })
      .whereRaw(...pairList(kind, ['room_id', 'session_id'], names))
    return rows.map(sessionOf)
  },

  /** Stores sessions, replacing those with the same key. */
  async saveSessions(userId: UserId, version: number, sessions: readonly BackedUpSession[]): Promise<void> {
    const rows = sessions.map((session) => sessionRow({ userId, version }, session))
    for (const slice of inSlices(rows, 200))
      await db<SessionRow>('key_backup_sessions')
        .insert(slice)
        .onConflict(['user_id', 'version', 'room_id', 'session_id'])
        .merge()
  },

  /** Deletes sessions; answers how many, and their bytes. */
  async deleteSessions(scope: BackupScope): Promise<{ keys: number; bytes: number }> {
    const sum = (await db('key_backup_sessions').where(columnsOf(scope)).sum('bytes as bytes').first()) as
      { bytes: number | string | null } | undefined
    const keys = await db<SessionRow>('key_backup_sessions').where(columnsOf(scope)).delete()
    return { keys, bytes: Number(sum?.bytes ?? 0) }
  },

  /** Versions that a user has, and the bytes of all their keys. */
  async usage(userId: UserId): Promise<{ versions: number; bytes: number }> {
    const row = (await db('key_backups')
      .where({ user_id: userId, is_deleted: false })
      .count('* as versions')
      .sum('bytes as bytes')
      .first()) as { versions: number | string; bytes: number | string | null } | undefined
    return { versions: Number(row?.versions ?? 0), bytes: Number(row?.bytes ?? 0) }
  },
})

const columnsOf = ({ userId, version, roomId, sessionId }: BackupScope) => ({
  user_id: userId,
  version,
  ...(roomId === undefined ? {} : { room_id: roomId }),
  ...(sessionId === undefined ? {} : { session_id: sessionId }),
})

const backupOf = (row: BackupRow): KeyBackup => ({
  userId: row.user_id,
  version: Number(row.version),
  algorithm: row.algorithm,
  authData: row.auth_data,
  etag: Number(row.etag),
  keyCount: Number(row.key_count),
  bytes: Number(row.bytes),
  isDeleted: Boolean(row.is_deleted),
})

const backupRow = (backup: KeyBackup): BackupRow => ({
  user_id: backup.userId,
  version: backup.version,
  algorithm: backup.algorithm,
  auth_data: backup.authData,
  etag: backup.etag,
  key_count: backup.keyCount,
  bytes: backup.bytes,
  is_deleted: backup.isDeleted,
})

const sessionOf = (row: SessionRow): BackedUpSession => ({
  roomId: row.room_id,
  sessionId: row.session_id,
  firstMessageIndex: Number(row.first_message_index),
  forwardedCount: Number(row.forwarded_count),
  isVerified: Boolean(row.is_verified),
  sessionData: row.session_data,
})

const sessionRow = ({ userId, version }: BackupScope, session: BackedUpSession): SessionRow => ({
  user_id: userId,
  version,
  room_id: session.roomId,
  session_id: session.sessionId,
  first_message_index: session.firstMessageIndex,
  forwarded_count: session.forwardedCount,
  is_verified: session.isVerified,
  session_data: session.sessionData,
  bytes: Buffer.byteLength(session.sessionData),
})
