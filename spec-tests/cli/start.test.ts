import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createTestDatabase, type TestDatabase } from '../support/server/databases.ts'
import { inherited } from '../support/server/server-process.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

describe('myelin start and user', () => {
  let folder = ''
  let database: TestDatabase
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'myelin-cli-'))
    database = await createTestDatabase({ isNew: true })
  })
  afterEach(async () => {
    await database.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  const launch = (words: string[], settings: Record<string, string> = {}) => {
    const env = {
      ...inherited,
      MYELIN_DATA_DIR: folder,
      MYELIN_DATABASE_URL: database.url,
      MYELIN_LISTEN_PORT: '0',
      MYELIN_ACCOUNTS_PASSWORD_HASH_MEMORY_KIB: '64',
      ...settings,
    }
    return spawn(process.execPath, [main, ...words], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  }

  /** Starts a server and waits until it listens; also answers the line for the first administrator. */
  const serve = async () => {
    const child = launch(['start'])
    const ended = once(child, 'exit')
    let url = ''
    let invitation: string | undefined
    for await (const line of createInterface(child.stdout)) {
      if (!line.startsWith('{')) {
        invitation = line
        continue
      }
      const { message, ...fields } = JSON.parse(line)
      if (message === 'listening') url = fields.url
      if (message === 'ready') break
    }
    return { url, invitation, stop: async (signal: NodeJS.Signals = 'SIGTERM') => (child.kill(signal), ended) }
  }

  const run = async (words: string[], { input = '', settings = {} } = {}) => {
    const child = launch(words, settings)
    child.stdin.end(input)
    const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    return { stdout, stderr, status }
  }

  const logIn = async (url: string, user: string, password: string) => {
    const body = { type: 'm.login.password', identifier: { type: 'm.id.user', user }, password }
    const answer = await fetch(`${url}/_matrix/client/v3/login`, { method: 'POST', body: JSON.stringify(body) })
    return answer.status
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`stops with exit code 0 on ${signal}`, async () => {
      const { stop } = await serve()

      assert.deepEqual(await stop(signal), [0, null])
    })
  }

  it('N24 ends with exit code 1, and a line that says why, when an error is caught nowhere', async () => {
    const fault = 'process.on("SIGUSR2", () => { throw new Error("out of luck") })'
    const module = `data:text/javascript,${encodeURIComponent(fault)}`
    const child = launch(['start'], { NODE_OPTIONS: `--import=${module}` })
    const ended = once(child, 'exit')
    const lines: Record<string, unknown>[] = []
    for await (const line of createInterface(child.stdout)) {
      if (line.startsWith('{')) lines.push(JSON.parse(line))
      if (lines.at(-1)?.['message'] === 'ready') child.kill('SIGUSR2')
    }
    const last = lines.find(({ level }) => level === 'error')

    assert.deepEqual(await ended, [1, null])
    assert.equal(last?.['message'], 'the server cannot go on and ends')
    assert.match(JSON.stringify(last['error']), /out of luck/)
  })

  it('invites the first administrator with a token that works once, and nobody once there is one', async () => {
    const { url, invitation, stop } = await serve()
    const token = /: (\S+)$/.exec(invitation ?? '')?.[1]
    const statuses = []
    for (const username of ['root', 'thief']) statuses.push(await register(url, username, token))
    await stop()
    const again = await serve()
    await again.stop()

    assert.deepEqual(statuses, [200, 403])
    assert.equal(again.invitation, undefined)
  })

  it('takes the invitation back once an administrator is made otherwise', async () => {
    const { url, invitation, stop } = await serve()
    await run(['user', 'create', 'root', '--admin'])
    const status = await register(url, 'thief', /: (\S+)$/.exec(invitation ?? '')?.[1])
    await stop()

    assert.equal(status, 403)
  })

  const register = async (url: string, username: string, token: string | undefined) => {
    const post = async (auth: Record<string, unknown> | undefined) => {
      const body = JSON.stringify({ username, password: 'correct horse', auth })
      const answer = await fetch(`${url}/_matrix/client/v3/register`, { method: 'POST', body })
      return { status: answer.status, body: (await answer.json()) as { session?: string } }
    }
    const { body } = await post(undefined)
    const { status } = await post({ type: 'm.login.registration_token', token, session: body.session })
    return status
  }

  it('makes accounts and resets passwords beside a running server', async () => {
    const { url, stop } = await serve()
    const made = await run(['user', 'create', 'Alice', '--admin', '--password-stdin'], { input: 'correct horse\n' })
    const statuses = [await logIn(url, 'alice', 'correct horse')]
    const reset = await run(['user', 'reset-password', 'alice'])
    const password = /password: (\S+)\n$/.exec(reset.stdout)?.[1] ?? ''
    statuses.push(await logIn(url, 'alice', 'correct horse'), await logIn(url, 'alice', password))
    await stop()

    assert.deepEqual(made, { status: 0, stdout: 'made administrator @alice:localhost\n', stderr: '' })
    assert.equal(reset.status, 0)
    assert.deepEqual(statuses, [200, 403, 200])
  })

  it('says in one line why an account cannot be made', async () => {
    const weak = await run(['user', 'create', 'alice', '--password', 'x'])
    const absent = await run(['user', 'reset-password', 'nobody'])
    const both = await run(['user', 'create', 'alice', '--password', 'x', '--password-stdin'])
    const none = await run(['user', 'create'])

    assert.deepEqual([weak.status, absent.status, both.status, none.status], [1, 1, 2, 2])
    assert.equal(weak.stderr.trim().split('\n').length, 1)
    assert.equal(absent.stderr, 'There is no such account\n')
  })

  it('ends with exit code 1 when its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const settings = { MYELIN_LISTEN_PORT: String((other.address() as AddressInfo).port) }
    const { status, stderr } = await run(['start'], { settings })
    const probe = await run(['health'], { settings: { MYELIN_LISTEN_PORT: '1' } })
    other.close()

    assert.equal(status, 1)
    assert.match(stderr, /EADDRINUSE/)
    assert.equal(probe.status, 1)
  })
})

describe('documents', () => {
  const print = async (command: string) => {
    const child = spawn(process.execPath, [main, command], { stdio: ['ignore', 'pipe', 'inherit'] })
    return text(child.stdout)
  }

  it('print the OpenAPI document as pure JSON', async () => {
    const document = JSON.parse(await print('openapi'))

    assert.equal(document.openapi, '3.1.0')
    assert.ok(document.paths['/_matrix/client/v3/login'].post)
  })

  it('print the table of routes', async () => {
    assert.match(await print('routes'), /^GET +\/_matrix\/client\/v3\/login {2}none/m)
  })
})
