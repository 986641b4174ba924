import { setImmediate as nextTurn } from 'node:timers/promises'
import { notFound, tooLarge } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { BackedUpSession, BackupScope, KeyBackup } from '#store/e2ee/key-backups.ts'
import type { Transaction } from '#store/open.ts'
import { backupNumber, noBackup } from './key-backup.ts'
import { wrongBackupVersion } from './refusals.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'
import { inSlices } from '#base/in-slices.ts'

type Needs = Pick<Context, 'store'>

/** Sessions in one statement. */
const pieceSize = 500

/** Which keys of a backup: all, those of a room, or one session. */
export type KeyScope = { version: string; roomId?: RoomId; sessionId?: string }

/** `etag` and `count`, by which a client notices that another device has changed the backup. */
export type BackupState = Pick<KeyBackup, 'etag' | 'keyCount'>

/** Adds sessions to the current backup where they are better than the stored ones. */
export async function putBackedUpKeys(
  { store, config }: Needs & Pick<Context, 'config'>,
  userId: UserId,
  { version, sessions }: { version: string; sessions: readonly BackedUpSession[] },
): Promise<BackupState> {
  const { key_backup_session_bytes: mostOfOne, key_backup_bytes_per_user: most } = config.limits
  if (sessions.some((session) => sizeOf(session) > mostOfOne)) throw tooLarge('A key is too large')
  return store.transaction(async (tx) => {
    const backup = await lockCurrent(tx, userId, version)
    let [added, saved, bytes] = [0, 0, 0]
    for (const upload of inSlices(sessions, pieceSize)) {
      const names = upload.map(({ roomId, sessionId }) => [roomId, sessionId] as const)
      const present = new Map(
        (await tx.e2ee.keyBackups.findSessions(userId, backup.version, names)).map((one) => [nameOf(one), one]),
      )
      const better = upload.filter((session) => isBetter(session, present.get(nameOf(session))))
      await tx.e2ee.keyBackups.saveSessions(userId, backup.version, better)
      added += better.filter((session) => !present.has(nameOf(session))).length
      saved += better.length
      for (const session of better) bytes += sizeOf(session) - sizeOf(present.get(nameOf(session)))
    }
    const usage = await tx.e2ee.keyBackups.usage(userId)
    if (bytes > 0 && usage.bytes + bytes > most) throw tooLarge('You have too many backed-up keys')
    return bump(tx, backup, { changed: saved, added, bytes })
  })
}

/** Sessions in a backup, by room; a large backup is read in slices, so as not to block the event loop. */
export async function listBackedUpKeys(
  { store }: Needs,
  userId: UserId,
  { version, ...rest }: KeyScope,
): Promise<BackedUpSession[]> {
  const number = backupNumber(version)
  if (!(await store.e2ee.keyBackups.find(userId, number))) throw noBackup()
  const scope: BackupScope = { userId, version: number, ...rest }
  const sessions: BackedUpSession[] = []
  for (;;) {
    const last = sessions.at(-1)
    const after = last && ([last.roomId, last.sessionId] as const)
    const piece = await store.e2ee.keyBackups.listSessions(scope, { after, limit: pieceSize })
    sessions.push(...piece)
    if (piece.length < pieceSize) return sessions
    await nextTurn()
  }
}

/** One session of a backup. */
export async function getBackedUpKey(ctx: Needs, userId: UserId, scope: Required<KeyScope>): Promise<BackedUpSession> {
  const [session] = await listBackedUpKeys(ctx, userId, scope)
  if (!session) throw notFound('There is no such key')
  return session
}

/** Deletes keys; succeeds where there are none. */
export async function deleteBackedUpKeys(
  { store }: Needs,
  userId: UserId,
  { version, ...rest }: KeyScope,
): Promise<BackupState> {
  return store.transaction(async (tx) => {
    const backup = await tx.e2ee.keyBackups.lock(userId, backupNumber(version))
    if (!backup) throw noBackup()
    const scope: BackupScope = { userId, version: backup.version, ...rest }
    const deleted = await tx.e2ee.keyBackups.deleteSessions(scope)
    return bump(tx, backup, { changed: deleted.keys, added: -deleted.keys, bytes: -deleted.bytes })
  })
}

async function lockCurrent(tx: Transaction, userId: UserId, version: string): Promise<KeyBackup> {
  const backup = await tx.e2ee.keyBackups.lock(userId, backupNumber(version))
  if (!backup) throw noBackup()
  const current = await tx.e2ee.keyBackups.current(userId)
  if (current && current.version !== backup.version) throw wrongBackupVersion(current.version)
  return backup
}

async function bump(
  tx: Transaction,
  backup: KeyBackup,
  { changed, added, bytes }: { changed: number; added: number; bytes: number },
): Promise<BackupState> {
  if (changed === 0) return backup
  const after = { ...backup, etag: backup.etag + 1, keyCount: backup.keyCount + added, bytes: backup.bytes + bytes }
  await tx.e2ee.keyBackups.update(after)
  return after
}

const sizeOf = (session: BackedUpSession | undefined): number => Buffer.byteLength(session?.sessionData ?? '')

const nameOf = ({ roomId, sessionId }: BackedUpSession): string => JSON.stringify([roomId, sessionId])

/** Verified before unverified, then the lower first_message_index, then the lower forwarded_count. */
function isBetter(session: BackedUpSession, present: BackedUpSession | undefined): boolean {
  if (!present) return true
  if (session.isVerified !== present.isVerified) return session.isVerified
  if (session.firstMessageIndex !== present.firstMessageIndex)
    return session.firstMessageIndex < present.firstMessageIndex
  return session.forwardedCount < present.forwardedCount
}
