import { spawn, type ChildProcess } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { targetAt, type Target } from './target.ts'

/** What a server has stored, once it has ended. */
export type StoredData = { dataDir: string; database: string | undefined }

/** A server that was started here. `stop` removes its data. */
export type RunningServer = { target: Target; dataDir: string; stop(): Promise<void> }

/** One of ours; `end` leaves its data where they are. */
export type OwnServer = RunningServer & { data: StoredData; end(): Promise<void> }

export type OwnServerOptions = {
  /** postgres://… of an empty database; absent: SQLite in a temporary folder. */
  database?: string | undefined
  /** Data to begin with, of which a copy is made; absent: none. */
  copied?: StoredData | undefined
  /** Writes a CPU profile into this folder at the end. */
  profileTo?: string | undefined
  /** The folder of another checkout of this repository, to be started instead. */
  checkout?: string | undefined
  /** More flags of Node. */
  nodeFlags?: readonly string[]
  /** Settings that differ, as environment variables. */
  settings?: Readonly<Record<string, string>>
  /** A file descriptor for what the server prints. */
  stdout?: number
}

const here = new URL('../..', import.meta.url).pathname
export const secret = 'bench'
/** As `npm start` has it. */
const flags = ['--max-semi-space-size=16']

/** Starts this repository's server in a process of its own, with empty data and without rate limits. */
export async function startOwnServer(options: OwnServerOptions = {}): Promise<OwnServer> {
  const { database, copied, profileTo, checkout = here, nodeFlags = [], settings = {}, stdout } = options
  const dataDir = await mkdtemp(join(tmpdir(), 'myelin-bench-'))
  if (copied) await cp(copied.dataDir, dataDir, { recursive: true })
  const port = await freePort()
  const metricsPort = await freePort()
  const env = {
    ...process.env,
    MYELIN_SERVER_NAME: 'bench',
    MYELIN_DATA_DIR: dataDir,
    MYELIN_LISTEN_PORT: String(port),
    MYELIN_REGISTRATION_SHARED_SECRET: secret,
    MYELIN_RATE_LIMITS_ENABLED: 'false',
    MYELIN_ACCOUNTS_PASSWORD_HASH_MEMORY_KIB: '64',
    MYELIN_LOGGING_LEVEL: 'warn',
    MYELIN_METRICS_PORT: String(metricsPort),
    ...(database === undefined ? {} : { MYELIN_DATABASE_URL: database }),
    ...settings,
  }
  const profiling = profileTo === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileTo}`]
  const main = join(checkout, 'src/main.ts')
  const server = spawn(process.execPath, [...flags, ...nodeFlags, ...profiling, main, 'start'], {
    env,
    stdio: ['ignore', stdout ?? 'ignore', 'inherit'],
  })
  const url = `http://127.0.0.1:${port}`
  await untilAnswering(`${url}/_matrix/client/versions`, server)
  return {
    target: targetAt(
      url,
      { secret },
      {
        pid: server.pid,
        metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
        database: database ?? `sqlite:${join(dataDir, 'myelin.db')}`,
      },
    ),
    data: { dataDir, database },
    dataDir,
    end: () => ended(server),
    async stop() {
      await ended(server)
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** Starts the bare prototype that the send figures are measured against. */
export async function startCeiling(): Promise<{ url: string; pid: number | undefined; stop(): Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'myelin-ceiling-'))
  const port = await freePort()
  const script = new URL('../ceiling/server.ts', import.meta.url).pathname
  const server = spawn(process.execPath, [script, String(port), join(dataDir, 'ceiling.db')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const url = `http://127.0.0.1:${port}`
  await untilAnswering(url, server)
  return {
    url,
    pid: server.pid,
    async stop() {
      await ended(server)
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

export async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return
  const exit = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGTERM')
  await exit
}

export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

export async function untilAnswering(url: string, server: ChildProcess, seconds = 120): Promise<void> {
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    if (server.exitCode !== null) throw new Error('The server ended before it answered')
    const patience = AbortSignal.timeout(10_000)
    if (await fetch(url, { signal: patience }).then(() => true, () => false)) return // prettier-ignore
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  server.kill('SIGKILL')
  throw new Error(`The server did not answer within ${seconds} seconds`)
}
