import type { Context } from '#context.ts'

const hour = 3_600_000
const day = 24 * hour

/** How long what was used or has expired is still kept, in ms, and why. */
const keep = {
  /** Clients repeat a request whose answer was lost within minutes. */
  transactions: day,
  /** A used refresh token that comes back tells that it was stolen. */
  revokedTokens: 7 * day,
  /** Administrators look up what became of their tokens. */
  registrationTokens: 30 * day,
  /** Administrators look up what became of a job. */
  jobs: 7 * day,
  /** In changes of device lists: who lags farther behind asks for whole lists anyway. */
  deviceListChanges: 100_000,
}

export const deleteExpiredEvery = hour

/** Deletes what nobody can use any more; docs/tables.md says what bounds each table. */
export async function deleteExpired({ store, clock }: Pick<Context, 'store' | 'clock'>): Promise<void> {
  const now = clock.now()
  await store.rooms.events.deleteTransactionsBefore(now - keep.transactions)
  await store.e2ee.toDevice.deleteTransactionsBefore(now - keep.transactions)
  await store.accounts.refreshTokens.deleteRevokedBefore(now - keep.revokedTokens)
  await store.accounts.loginTokens.deleteExpired(now)
  await store.accounts.openidTokens.deleteExpired(now)
  await store.accounts.interactiveSessions.deleteExpired(now)
  await store.accounts.registrationNonces.deleteExpired(now)
  await store.accounts.registrationTokens.deleteExpired(now - keep.registrationTokens)
  await store.e2ee.crossSigning.deleteExpiredPermits(now)
  await store.e2ee.keyBackups.deleteOfDeactivated()
  await store.jobs.jobs.deleteFinishedBefore(now - keep.jobs)
  const { device_lists: newest } = await store.streams.positions()
  await store.transaction((tx) => tx.e2ee.deviceLists.mergeDeleted(newest - keep.deviceListChanges))
}
