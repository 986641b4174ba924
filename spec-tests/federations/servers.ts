import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { loadConfig } from '#base/config/load.ts'
import type { Log } from '#base/log.ts'
import type { Context } from '#context.ts'
import type { ServerName } from '#protocol/ids.ts'
import { startServer, type RunningServer } from '#server.ts'
import { TestNetwork } from '../support/federation/network.ts'
import { noNetwork } from '../support/outgoing/fake-network.ts'
import { fakeClock, type FakeClock } from '../support/server/clock.ts'
import { createTestDatabase, type TestDatabase } from '../support/server/databases.ts'
import { silent, testSettings } from '../support/server/server.ts'
import { Weather } from './weather.ts'

const names: readonly ServerName[] = ['a.test', 'b.test', 'c.test', 'd.test', 'e.test']

/** A server that stops and starts again over its database, at the same place. */
export class FederatedServer {
  readonly name: ServerName
  readonly url: string
  readonly #start: (port: number) => Promise<RunningServer>
  readonly #network: TestNetwork
  readonly #database: TestDatabase
  #running: RunningServer
  #isRunning = true

  constructor(made: {
    name: ServerName
    network: TestNetwork
    database: TestDatabase
    running: RunningServer
    start: (port: number) => Promise<RunningServer>
  }) {
    this.name = made.name
    this.url = made.running.url
    this.#running = made.running
    this.#start = made.start
    this.#network = made.network
    this.#database = made.database
    made.network.add(made.name, made.running.url)
  }

  /** Of the server that runs now, or ran last. */
  get context(): Context {
    return this.#running.context
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  async settle(): Promise<void> {
    if (this.#isRunning) await this.#running.settle()
  }

  async stop(): Promise<void> {
    if (!this.#isRunning) return
    this.#isRunning = false
    this.#network.remove(this.name)
    await this.#running.close()
  }

  /**
   * Ends at once, and starts again over what was committed by then: nothing that it would still write on its way down is
   * there.
   */
  async crash(): Promise<void> {
    if (!this.#isRunning) return
    this.#network.crash(this.name)
    const restore = snapshot(this.#database)
    this.#isRunning = false
    await this.#running.close()
    restore()
    await this.start()
  }

  async start(): Promise<void> {
    if (this.#isRunning) return
    this.#running = await this.#start(this.#running.port)
    this.#isRunning = true
    this.#network.add(this.name, this.#running.url)
  }

  async end(): Promise<void> {
    await this.stop()
    await this.#database.remove()
  }
}

/** Keeps what a database holds; answers how to bring it back. PostgreSQL goes on with what it has at the end. */
function snapshot({ url, folder }: TestDatabase): () => void {
  if (!url.startsWith('sqlite:')) return () => {}
  const file = url.slice('sqlite:'.length)
  const copy = join(folder, 'crashed.db')
  const database = new DatabaseSync(file, { readOnly: true })
  database.exec(`vacuum into '${copy}'`)
  database.close()
  return () => {
    for (const part of ['-wal', '-shm']) rmSync(file + part, { force: true })
    renameSync(copy, file)
  }
}

/** Servers that many federations live on, one after the other. */
export type Servers = AsyncDisposable & {
  network: TestNetwork
  weather: Weather
  clock: FakeClock
  /** Failures that servers logged. */
  errors: string[]
  /** The first ones, all running on a network that is whole; started when they are wanted first. */
  first(count: number): Promise<FederatedServer[]>
  /** None of them has anything left to do. */
  settle(): Promise<void>
}

export function openServers(): Servers {
  const network = new TestNetwork()
  const weather = new Weather()
  network.interceptor = weather.interceptor
  const clock = fakeClock()
  const errors: string[] = []
  const started: FederatedServer[] = []
  return {
    network,
    weather,
    clock,
    errors,
    async first(count) {
      for (const name of names.slice(started.length, count))
        started.push(await startOne(name, { network, clock, log: noting(errors, name) }))
      return started.slice(0, count)
    },
    async settle() {
      // What one does may give another something to do.
      for (let round = 0; round < 3; round++) for (const server of started) await server.settle()
    },
    async [Symbol.asyncDispose]() {
      for (const server of started) await server.end()
    },
  }
}

type Surroundings = { network: TestNetwork; clock: FakeClock; log: Log }

async function startOne(name: ServerName, { network, clock, log }: Surroundings): Promise<FederatedServer> {
  const database = await createTestDatabase({ isNew: true })
  const settings = {
    ...testSettings(database),
    server_name: name,
    federation: { key_servers: [], share_device_names: true },
  }
  const start = (port: number) =>
    startServer(loadConfig({ settings: { ...settings, listen: { port } } }), {
      log,
      clock,
      checkReplies: true,
      network: noNetwork(),
      transport: network.transportOf(name),
    })
  return new FederatedServer({ name, network, database, running: await start(0), start })
}

const noting = (errors: string[], name: ServerName): Log => {
  const log: Log = {
    ...silent,
    error: (message, fields) => void errors.push(`${name}: ${message} ${describe(fields)}`),
    child: () => log,
  }
  return log
}

const describe = (fields: object | undefined): string =>
  JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.stack : value))
