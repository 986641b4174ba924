import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#base/clock.ts'
import { openStore } from '#store/open.ts'
import { receivingContext, type ReceivingContext } from '../../spec-tests/support/federation/receive-needs.ts'

/** As much of a server as events of others need, over an empty database. */
export type Receiver = { ctx: ReceivingContext; folder: string; database: string }

/** Runs some work with a receiver, and removes its folder afterwards. */
export async function withReceiver<T>(url: string | undefined, work: (receiver: Receiver) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'myelin-bench-'))
  const database = url ?? `sqlite:${join(folder, 'm.db')}`
  const store = await openStore({ url: database, poolSize: 4, now: () => systemClock.now() })
  const ctx = receivingContext(store, { serverName: 'home', clock: systemClock })
  try {
    return await work({ ctx, folder, database })
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
