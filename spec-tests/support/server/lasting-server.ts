import { loadConfig } from '#base/config/load.ts'
import { createTestDatabase } from './databases.ts'
import { assertDatabaseIsRight } from '../rooms/room-check.ts'
import { failuresOnly, testSettings } from './server.ts'
import { startServer } from '#server.ts'

/** A whole server on real time that clients find at the same place again after a restart. */
export type LastingServer = AsyncDisposable & { url: string; restart(): Promise<void> }

/** Starts a server named `test` over a fresh database; `await using` ends it. */
export async function startLastingServer(settings: Record<string, unknown> = {}): Promise<LastingServer> {
  const database = await createTestDatabase()
  const start = (port: number) => {
    const all = { ...testSettings(database), ...settings, listen: { port } }
    return startServer(loadConfig({ settings: all }), { log: failuresOnly, checkReplies: true })
  }
  let running = await start(0)
  return {
    url: running.url,
    async restart() {
      await running.close()
      running = await start(running.port)
    },
    async [Symbol.asyncDispose]() {
      await running.close()
      await assertDatabaseIsRight(database).finally(() => database.remove())
    },
  }
}
