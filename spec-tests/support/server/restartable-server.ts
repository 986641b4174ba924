import { loadConfig } from '#base/config/load.ts'
import type { Log } from '#base/log.ts'
import type { Context } from '#context.ts'
import type { FederationTransport } from '#services/remote/transport.ts'
import { startServer } from '#server.ts'
import { fakeClock, type FakeClock } from './clock.ts'
import { createTestDatabase, type TestEngine } from './databases.ts'
import { noNetwork } from '../outgoing/fake-network.ts'
import { failuresOnly, testSettings } from './server.ts'

/** A server on a fake clock that clients find at the same place again after a restart. */
export type RestartableServer = AsyncDisposable & {
  url: string
  clock: FakeClock
  /** Of the server that runs now. */
  readonly context: Context
  settle(): Promise<void>
  restart(): Promise<void>
}

type Options = { engine?: TestEngine; log?: Log; transport?: FederationTransport; settings?: Record<string, unknown> }

/** Starts a server named `test` over a fresh database; `await using` ends it. */
export async function startRestartableServer({
  engine,
  log = failuresOnly,
  transport,
  settings: more,
}: Options = {}): Promise<RestartableServer> {
  const database = await createTestDatabase({ engine })
  const clock = fakeClock()
  const start = (port: number) => {
    const settings = { ...testSettings(database), ...more, listen: { port } }
    const effects = { log, checkReplies: true, clock, network: noNetwork(), ...(transport && { transport }) }
    return startServer(loadConfig({ settings }), effects)
  }
  let running = await start(0)
  return {
    url: running.url,
    clock,
    get context() {
      return running.context
    },
    settle: () => running.settle(),
    async restart() {
      await running.close()
      running = await start(running.port)
    },
    async [Symbol.asyncDispose]() {
      await running.close()
      await database.remove()
    },
  }
}
