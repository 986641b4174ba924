import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createRegistrationToken, adminInvitation } from '#services/accounts/registration/registration-token.ts'
import { verifyPassword } from '#services/accounts/passwords/password-hash.ts'
import type { Log } from '#base/log.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'

describe('secrets', () => {
  it('T71 are found neither in the database nor in the log', async () => {
    const lines: string[] = []
    const write = (message: string, fields?: object) => void lines.push(message + JSON.stringify(fields ?? {}))
    const log: Log = { error: write, warn: write, info: write, debug: write, child: () => log }
    await using server = await startTestServer({ log })

    const canaries = await leaveCanaries(server)
    const kept = (await dump(server)) + lines.join('\n')

    assert.ok(kept.includes('@alice:test'))
    for (const [name, canary] of Object.entries(canaries)) {
      assert.ok(canary.length > 10, name)
      assert.ok(!kept.includes(canary), `${name} is kept in clear`)
    }
  })

  it('T72 are never compared with === or !==', async () => {
    const folders = ['src/services/accounts', 'src/api/client', 'src/api/admin']
    const comparison = /\b\w*(?:token|secret|password|mac|hash|nonce|tag)\w*\s*[!=]==(?!\s*(?:undefined|null|'))/i
    assert.match('if (given.accessToken === stored)', comparison)

    for (const folder of folders)
      for (const file of (await readdir(folder)).filter((name) => name.endsWith('.ts'))) {
        const text = await readFile(join(folder, file), 'utf8')
        const suspects = text.split('\n').filter((line) => comparison.test(line) && !line.trim().startsWith('*'))
        assert.deepEqual(suspects, [], file)
      }
  })

  it('T72 cost the same hash whether the user is known or not', async () => {
    await using server = await startTestServer()
    let hashed = 0
    const { config, tokens } = server.context
    const accounts = {
      ...config.accounts,
      get password_hash_memory_kib() {
        hashed++
        return 64
      },
    }

    const isRight = await verifyPassword({ tokens, config: { ...config, accounts } }, 'whatever', undefined)

    assert.deepEqual([isRight, hashed], [false, 1])
  })
})

/** Brings every kind of secret through the server, and leaves half-done what can be left half-done. */
async function leaveCanaries(server: TestServer): Promise<Record<string, string>> {
  const password = 'canary-of-the-password'
  const next = 'canary-of-the-next-password'
  const register = '/_matrix/client/v3/register'
  const { body: account } = await server.anonymous.request('POST', register, {
    username: 'alice',
    password,
    refresh_token: true,
    auth: { type: 'm.login.dummy' },
  })
  const headers = { authorization: `Bearer ${account.access_token}` }
  const post = (path: string, body: object) => server.anonymous.request('POST', path, body, { headers })
  const auth = { type: 'm.login.password', password }
  const { body: login } = await post('/_matrix/client/v1/login/get_token', { auth })
  const { body: refreshed } = await post('/_matrix/client/v3/refresh', { refresh_token: account.refresh_token })
  const { body: asked } = await post('/_matrix/client/v3/account/password', { new_password: next })
  const halfDone = 'canary-of-a-half-done-registration'
  const { body: registration } = await server.anonymous.request('POST', register, { password: halfDone })
  const { body: nonce } = await server.anonymous.request('GET', '/_synapse/admin/v1/register')
  await createRegistrationToken(server.context, {})
  return {
    password,
    next,
    halfDone,
    access: account.access_token,
    refresh: account.refresh_token,
    refreshedAccess: refreshed.access_token,
    refreshedRefresh: refreshed.refresh_token,
    login: login.login_token,
    interactive: asked.session,
    registration: registration.session,
    nonce: nonce.nonce,
    invitation: (await adminInvitation(server.context)) ?? '',
  }
}

/** Every byte on disk, or every row of every table where there is no file. */
async function dump({ context }: TestServer): Promise<string> {
  const { database, data_dir: folder } = context.config
  if (!database.url?.startsWith('postgres')) {
    const files = (await readdir(folder)).filter((name) => name.startsWith('myelin.db'))
    return (await Promise.all(files.map((name) => readFile(join(folder, name), 'latin1')))).join('\n')
  }
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  try {
    const tables = await client.query(`select tablename from pg_tables where schemaname = 'public'`)
    const rows = []
    for (const { tablename } of tables.rows) rows.push(await client.query(`select * from "${tablename}"`))
    return JSON.stringify(rows.map((result) => result.rows))
  } finally {
    await client.end()
  }
}
