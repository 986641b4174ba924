import { forbidden, invalidParam, notFound, tooLarge } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { KeyBackup } from '#store/e2ee/key-backups.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store'>
type Limits = Context['config']['limits']

export type BackupSettings = { algorithm: string; authData: JsonObject }

/** Starts a new, empty backup and answers its version. */
export async function createBackup(
  { store, config }: Needs & Pick<Context, 'config'>,
  userId: UserId,
  { algorithm, authData }: BackupSettings,
): Promise<number> {
  const text = authText(authData, config.limits)
  const attempt = () =>
    store.transaction(async (tx) => {
      const { versions } = await tx.e2ee.keyBackups.usage(userId)
      if (versions >= config.limits.key_backup_versions_per_user)
        throw forbidden('You have too many key backups: delete one first')
      const version = ((await tx.e2ee.keyBackups.newest(userId))?.version ?? 0) + 1
      const backup: KeyBackup = {
        userId,
        version,
        algorithm,
        authData: text,
        etag: 0,
        keyCount: 0,
        bytes: 0,
        isDeleted: false,
      }
      if (!(await tx.e2ee.keyBackups.insert(backup))) return undefined
      await tx.e2ee.keyBackups.sweepBelow(userId, version)
      return version
    })
  // Another process may have taken the number in between.
  for (;;) {
    const version = await attempt()
    if (version !== undefined) return version
  }
}

/** The backup of a version, or the current one. */
export async function findBackup({ store }: Needs, userId: UserId, version?: string): Promise<KeyBackup> {
  const backup =
    version === undefined
      ? await store.e2ee.keyBackups.current(userId)
      : await store.e2ee.keyBackups.find(userId, backupNumber(version))
  if (!backup) throw noBackup()
  return backup
}

/** Changes the backup's `auth_data`; the algorithm stays. */
export async function updateBackup(
  { store, config }: Needs & Pick<Context, 'config'>,
  userId: UserId,
  change: BackupSettings & { version: string },
): Promise<void> {
  const authData = authText(change.authData, config.limits)
  await store.transaction(async (tx) => {
    const backup = await tx.e2ee.keyBackups.lock(userId, backupNumber(change.version))
    if (!backup) throw noBackup()
    if (backup.algorithm !== change.algorithm) throw invalidParam('The algorithm of a backup cannot change')
    await tx.e2ee.keyBackups.update({ ...backup, authData })
  })
}

/** Deletes a backup with its keys; deleting it again succeeds. */
export async function deleteBackup({ store }: Needs, userId: UserId, version: string): Promise<void> {
  await store.transaction(async (tx) => {
    const number = backupNumber(version)
    const newest = await tx.e2ee.keyBackups.newest(userId)
    if (!newest || number > newest.version || number < 1) throw noBackup()
    const backup = await tx.e2ee.keyBackups.lock(userId, number)
    if (!backup) return
    await tx.e2ee.keyBackups.deleteSessions({ userId, version: number })
    await tx.e2ee.keyBackups.update({ ...backup, authData: '{}', keyCount: 0, bytes: 0, isDeleted: true })
    await tx.e2ee.keyBackups.sweepBelow(userId, newest.version)
  })
}

function authText(authData: JsonObject, { key_backup_auth_bytes: most }: Limits): string {
  const text = JSON.stringify(authData)
  if (Buffer.byteLength(text) > most) throw tooLarge('The description of the backup is too large')
  return text
}

export const noBackup = () => notFound('Unknown backup version')

/** Versions are numbers from 1; any other text counts as 0, which never exists. */
export function backupNumber(version: string): number {
  return /^[1-9]\d{0,14}$/.test(version) ? Number(version) : 0
}
