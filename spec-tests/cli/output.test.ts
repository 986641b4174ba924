import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { registerUser } from '../support/server/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/server/databases.ts'
import { inherited } from '../support/server/server-process.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

async function freePort(): Promise<number> {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  taken.close()
  await once(taken, 'close')
  return port
}

const children: ChildProcess[] = []

/** A server that says nothing of where it listens; `stdout` is what its output goes to. */
async function serve({ url, folder }: TestDatabase, stdout: number | 'pipe') {
  const [port, metricsPort] = [await freePort(), await freePort()]
  const env = {
    ...inherited,
    MYELIN_SERVER_NAME: 'test',
    MYELIN_DATA_DIR: folder,
    MYELIN_DATABASE_URL: url,
    MYELIN_LISTEN_PORT: String(port),
    MYELIN_METRICS_PORT: String(metricsPort),
    MYELIN_REGISTRATION_MODE: 'open',
    MYELIN_ACCOUNTS_PASSWORD_HASH_MEMORY_KIB: '64',
    MYELIN_LOGGING_LEVEL: 'debug',
  }
  const stdio: StdioOptions = ['ignore', stdout, 'inherit']
  const child = spawn(process.execPath, [main, 'start'], { env, stdio })
  const ended = once(child, 'exit')
  children.push(child)
  const base = `http://127.0.0.1:${port}`
  const answers = () =>
    fetch(`${base}/_matrix/client/versions`).then(
      ({ ok }) => ok,
      () => false,
    )
  while (child.exitCode === null && !(await answers())) await sleep(50)
  return {
    child,
    base,
    lostLines: async () => {
      const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
      return Number(/^myelin_log_lines_lost_total (\d+)/m.exec(text)?.[1])
    },
    async stop() {
      child.kill('SIGTERM')
      return ended
    },
  }
}

/** The server warns of a proxy that it does not trust. */
const makeLogLine = (base: string) =>
  fetch(`${base}/_matrix/client/versions`, { headers: { 'x-forwarded-for': '203.0.113.9' } })

describe('N18 a server whose output cannot be written', () => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await createTestDatabase()
  })
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    await database.remove()
  })

  it('answers, counts what is lost, and stops when the disk is full', async () => {
    const full = openSync('/dev/full', 'w')
    const { base, lostLines, stop } = await serve(database, full)
    const { userId } = await registerUser(base, 'alice')
    const lost = await lostLines()
    const ended = await stop()
    closeSync(full)

    assert.equal(userId, '@alice:test')
    assert.ok(lost >= 2, `${lost} lines lost`)
    assert.deepEqual(ended, [0, null])
  })

  it('answers, counts what is lost, and stops when the reader of a pipe has gone', async () => {
    const { child, base, lostLines, stop } = await serve(database, 'pipe')
    child.stdout?.destroy()
    await sleep(50)
    await makeLogLine(base)
    const { userId } = await registerUser(base, 'alice')
    const lost = await lostLines()
    const ended = await stop()

    assert.equal(userId, '@alice:test')
    assert.ok(lost >= 1, `${lost} lines lost`)
    assert.deepEqual(ended, [0, null])
  })

  it('answers and stops while the reader of a pipe is asleep, and goes on when it wakes', async () => {
    const fifo = join(database.folder, 'log')
    execFileSync('mkfifo', [fifo])
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
    const output = openSync(fifo, constants.O_WRONLY)
    const { base, stop } = await serve(database, output)
    const filler = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
    assert.throws(
      () => {
        for (;;) writeSync(filler, '.'.repeat(100))
      },
      { code: 'EAGAIN' },
    )
    await makeLogLine(base)
    const { userId } = await registerUser(base, 'alice')
    const bytes = Buffer.alloc(262_144)
    let text = ''
    while (!text.includes('X-Forwarded-For is ignored')) {
      await sleep(20)
      try {
        text += bytes.toString('utf8', 0, readSync(reader, bytes))
      } catch {
        // Nothing is there yet.
      }
    }
    const again = await registerUser(base, 'bob')
    const ended = await stop()
    for (const fd of [reader, output, filler]) closeSync(fd)

    assert.deepEqual([userId, again.userId], ['@alice:test', '@bob:test'])
    assert.deepEqual(ended, [0, null])
  })
})
