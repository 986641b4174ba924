import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#base/clock.ts'
import { systemTokens } from '#base/tokens.ts'
import type { Context } from '#context.ts'
import type { ReceiveNeeds } from '#services/federation/receive/ports.ts'
import { ServerAcls } from '#services/federation/server-acls.ts'
import { LiveRooms } from '#services/rooms/live/live-rooms.ts'
import { SentTransactions } from '#services/rooms/write/sent-transactions.ts'
import { openStore } from '#store/open.ts'
import { localBus } from '../../src/bus/local.ts'
import { keyOf } from '../../spec-tests/support/generators/server-keys.ts'

/** As much of a server as events of others need, over an empty database. */
export type Receiver = { ctx: ReceiveNeeds & Pick<Context, 'config'>; folder: string; database: string }

/** Runs some work with a receiver, and removes its folder afterwards. */
export async function withReceiver<T>(url: string | undefined, work: (receiver: Receiver) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'myelin-bench-'))
  const database = url ?? `sqlite:${join(folder, 'm.db')}`
  const store = await openStore({ url: database, poolSize: 4, now: () => systemClock.now() })
  const ctx: Receiver['ctx'] = {
    store,
    clock: systemClock,
    bus: localBus(),
    rooms: new LiveRooms(store, 'home'),
    sentTransactions: new SentTransactions(store),
    signingKey: keyOf('home'),
    tokens: systemTokens,
    config: { server_name: 'home' } as Context['config'],
    findKey: async (server) => ({ ...keyOf(server), validUntil: Infinity }),
    missingEvents: {
      fetchEvents: async () => [],
      fetchMissing: async () => [],
      fetchStateIds: async () => undefined,
    },
    serverAcls: new ServerAcls(),
  }
  try {
    return await work({ ctx, folder, database })
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
