import { loadConfig } from '#base/config/load.ts'
import type { Log } from '#base/log.ts'
import { loginUser, registerUser, testClient, type TestClient, type TestUser } from './client.ts'
import { fakeClock, type FakeClock } from './clock.ts'
import { createTestDatabase } from './databases.ts'
import { noNetwork } from '../outgoing/fake-network.ts'
import { assertRoomsAreRight } from '../rooms/room-check.ts'
import { startServer, type Effects, type RunningServer } from '#server.ts'

/** Sections of the configuration that differ from those of other tests, and effects to replace. */
export type TestOptions = Partial<Omit<Effects, 'clock'>> & { settings?: Record<string, unknown>; clock?: FakeClock }

export type TestServer = RunningServer & {
  clock: FakeClock
  anonymous: TestClient
  /** Makes an account with `testPassword` and logs it in. */
  register(username: string): Promise<TestUser>
  /** Logs an account made by `register` in on another device. */
  login(username: string): Promise<TestUser>
}

/** A whole server named `test` on a free port, over a fresh database; `await using` ends it. */
export async function startTestServer({ settings, ...effects }: TestOptions = {}): Promise<TestServer> {
  const clock = effects.clock ?? fakeClock()
  // The earlier history is that of the server `test`.
  const database = await createTestDatabase({ isNew: settings?.['server_name'] !== undefined })
  const start = async () => {
    const config = loadConfig({ settings: { ...testSettings(database), ...settings } })
    const network = noNetwork()
    return startServer(config, { log: failuresOnly, checkReplies: true, network, ...effects, clock })
  }
  const started = await start().catch(async (error: unknown) => {
    await database.remove()
    throw error
  })
  const end = async () => {
    if (process.env['CHECK_ROOMS']) await assertRoomsAreRight(started.context)
    await started.close()
    await database.remove()
  }
  return {
    ...started,
    clock,
    anonymous: testClient(started.url),
    register: (username) => registerUser(started.url, username),
    login: (username) => loginUser(started.url, username),
    [Symbol.asyncDispose]: end,
  }
}

/** The configuration of a server over this database. */
export const testSettings = ({ url, folder }: { url: string; folder: string }) => ({
  server_name: 'test',
  data_dir: folder,
  listen: { port: 0 },
  database: { url, pool_size: 4 },
  registration: { mode: 'open', shared_secret: 'test secret' },
  accounts: { password_hash_memory_kib: 64 },
  rate_limits: { enabled: false },
})

/** For tests in which something fails that must not. */
export const silent: Log = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  child: () => silent,
}

/** Silent but for what a test did not intend: a request that failed inside. */
export const failuresOnly: Log = {
  ...silent,
  error: (message, fields) => console.error(message, fields),
  child: () => failuresOnly,
}
