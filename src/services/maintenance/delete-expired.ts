import type { Context } from '#context.ts'

const hour = 3_600_000
const day = 24 * hour

/** How long used or expired rows are still kept, in ms, and why. */
const keep = {
  /** Clients retry requests within minutes. */
  transactions: day,
  /** A used refresh token that is used again shows that it was stolen. */
  revokedTokens: 7 * day,
  /** Administrators look up what became of their tokens. */
  registrationTokens: 30 * day,
  /** Administrators look up what became of a job. */
  jobs: 7 * day,
  /** In positions of device list changes: followers that lag farther behind fetch whole lists anyway. */
  deviceListChanges: 100_000,
  /** A server that sends on what it was given has done so by then, or catches up with the newest events alone. */
  relayedEvents: 30 * day,
  /** A server that comes back later fetches device lists anew, and its users make new sessions. */
  edusOfFailing: 60 * day,
  /** Servers whose keys are remembered: those of others can be fetched again. */
  serverKeys: 100_000,
}

export const deleteExpiredEvery = hour

/** Deletes expired rows; docs/tables.md says what bounds each table. */
export async function deleteExpired({
  store,
  clock,
  config,
  log,
}: Pick<Context, 'store' | 'clock' | 'config' | 'log'>): Promise<void> {
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
  await store.e2ee.remoteDeviceLists.deleteSentOfDeactivated()
  await store.jobs.jobs.deleteFinishedBefore(now - keep.jobs)
  await store.federation.relayedEvents.deleteBefore(now - keep.relayedEvents)
  await store.federation.serverKeys.keepNewest(keep.serverKeys)
  await store.federation.outgoingEdus.deleteFailingSince(now - keep.edusOfFailing)
  const given = await store.federation.outgoingEdus.deleteBeyond(config.limits.outgoing_edu_bytes)
  if (given.length > 0)
    log.warn('what waited for servers that do not answer was deleted', { destinations: given.slice(0, 100) })
  const { device_lists: newest } = await store.streams.positions()
  await store.transaction((tx) => tx.e2ee.deviceLists.mergeDeleted(newest - keep.deviceListChanges))
}
