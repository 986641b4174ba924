import { notFound, tooLarge } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { BackedUpSession, BackupScope, KeyBackup } from '#store/e2ee/key-backups.ts'
import type { Pair } from '#store/engine/pair-list.ts'
import type { Transaction } from '#store/open.ts'
import { backupNumber, noBackup } from './key-backup.ts'
import { wrongBackupVersion } from './refusals.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'
import { inSlices } from '#base/in-slices.ts'

type Needs = Pick<Context, 'store'>

/** Sessions in one statement. */
const pieceSize = 500
/** Sessions read at a time, of up to `limits.key_backup_session_bytes` each. */
const pageSize = 100

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

/** Sessions of a backup in the order of their rooms, some at a time: a large backup is never in memory as a whole. */
export async function readBackedUpKeys(
  ctx: Needs,
  userId: UserId,
  scope: KeyScope,
): Promise<AsyncIterable<readonly BackedUpSession[]>> {
  return pagesOf(ctx, await storedScope(ctx, userId, scope))
}

async function* pagesOf({ store }: Needs, scope: BackupScope): AsyncGenerator<readonly BackedUpSession[]> {
  for (let after: Pair | undefined; ;) {
    const page = await store.e2ee.keyBackups.listSessions(scope, { after, limit: pageSize })
    const last = page.at(-1)
    if (!last) return
    yield page
    after = [last.roomId, last.sessionId]
  }
}

/** One session of a backup. */
export async function getBackedUpKey(ctx: Needs, userId: UserId, scope: Required<KeyScope>): Promise<BackedUpSession> {
  const stored = await storedScope(ctx, userId, scope)
  const [session] = await ctx.store.e2ee.keyBackups.listSessions(stored, { after: undefined, limit: 1 })
  if (!session) throw notFound('There is no such key')
  return session
}

async function storedScope({ store }: Needs, userId: UserId, { version, ...rest }: KeyScope): Promise<BackupScope> {
  const number = backupNumber(version)
  if (!(await store.e2ee.keyBackups.find(userId, number))) throw noBackup()
  return { userId, version: number, ...rest }
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
