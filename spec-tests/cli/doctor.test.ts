import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '#base/config/schema.ts'
import { systemTokens } from '#base/tokens.ts'
import { loadKeySeed } from '#base/key-file.ts'
import { doctor } from '../../src/cli/doctor.ts'
import { run } from '../../src/cli/run.ts'
import { openPostgres } from '#store/engine/postgres/engine.ts'
import { openSqlite } from '#store/engine/sqlite/engine.ts'
import { createTestDatabase } from '../support/server/databases.ts'
import { startTestServer } from '../support/server/server.ts'

type Lines = { code: number; lines: Record<string, string>; complaints: string }

/** What the command prints, by what each line is about. */
async function diagnose(env: Record<string, string>): Promise<Lines> {
  let [printed, complaints] = ['', '']
  const terminal = {
    env,
    print: (text: string) => void (printed += text),
    complain: (text: string) => void (complaints += text),
    read: async () => '',
    stopped: async () => {},
    crashed: () => new Promise<Error>(() => {}),
    limitEnd: () => {},
  }
  const code = await run({ summary: '', commands: { doctor } }, ['doctor'], terminal)
  const lines = printed.split('\n').flatMap((line) => {
    const [, level, about, text] = /^(\w+) +([^:]+): (.*)$/.exec(line) ?? []
    return level && about ? [[about, `${level}: ${text}`] as const] : []
  })
  return { code, lines: Object.fromEntries(lines), complaints }
}

const settingsOf = ({ server_name, data_dir, database, listen }: Config, port = listen.port) => ({
  MYELIN_SERVER_NAME: server_name,
  MYELIN_DATA_DIR: data_dir,
  MYELIN_DATABASE_URL: database.url ?? '',
  MYELIN_LISTEN_PORT: String(port),
})

describe('myelin doctor', () => {
  it('finds nothing wrong with a server that runs as it should', async () => {
    await using server = await startTestServer()
    const env = { ...settingsOf(server.context.config, server.port), MYELIN_PUBLIC_BASE_URL: server.url }
    const { code, lines } = await diagnose(env)

    assert.equal(code, 0, JSON.stringify(lines))
    assert.deepEqual(Object.keys(lines), [
      'configuration',
      'data_dir',
      'signing key',
      'database',
      'clock',
      'server',
      'reverse proxy',
      'public address',
    ])
    assert.deepEqual(Object.values(lines).filter((line) => !line.startsWith('ok: ')), []) // prettier-ignore
    assert.match(lines.database ?? '', /(SQLite|PostgreSQL) \d.*\d+ migrations, up to date/)
    assert.match(lines['signing key'] ?? '', /ed25519:/)
  })

  it('N37 names the address whose X-Forwarded-For the running server ignores', async () => {
    await using server = await startTestServer()
    const env = settingsOf(server.context.config, server.port)
    const before = await diagnose(env)
    await fetch(`${server.url}/health`, { headers: { 'x-forwarded-for': '192.0.2.1' } })
    const after = await diagnose(env)

    assert.deepEqual([before.code, after.code], [0, 1])
    assert.match(before.lines['reverse proxy'] ?? '', /^ok: /)
    assert.match(after.lines['reverse proxy'] ?? '', /^problem: .*(127\.0\.0\.1|::1).*listen\.trusted_proxies/)
  })

  it('N37 warns where a proxy must be in front and none is named', async () => {
    const database = await createTestDatabase()
    try {
      const env = {
        MYELIN_SERVER_NAME: 'test',
        MYELIN_DATA_DIR: database.folder,
        MYELIN_DATABASE_URL: database.url,
        MYELIN_PUBLIC_BASE_URL: 'https://matrix.invalid',
        MYELIN_LISTEN_PORT: '1',
      }
      const { code, lines } = await diagnose(env)
      assert.equal(code, 0)
      assert.match(lines['reverse proxy'] ?? '', /^warning: .*listen\.trusted_proxies/)
      assert.match(lines['public address'] ?? '', /^warning: https:\/\/matrix\.invalid.*cannot be reached/)
      assert.match(lines.server ?? '', /^warning: none answers at/)
      const named = await diagnose({ ...env, MYELIN_LISTEN_TRUSTED_PROXIES: '127.0.0.1' })
      assert.match(named.lines['reverse proxy'] ?? '', /^ok: 127\.0\.0\.1/)
    } finally {
      await database.remove()
    }
  })

  it('finds a key that others may read, one that is none, and data of another server', async () => {
    const database = await createTestDatabase()
    try {
      const env = {
        MYELIN_SERVER_NAME: 'localhost',
        MYELIN_DATA_DIR: database.folder,
        MYELIN_DATABASE_URL: database.url,
        MYELIN_LISTEN_PORT: '1',
      }
      const key = join(database.folder, 'signing.key')
      await chmod(key, 0o644)
      const open = await diagnose(env)
      await chmod(key, 0o600)
      await writeFile(key, 'nonsense\n')
      const broken = await diagnose(env)

      assert.deepEqual([open.code, broken.code], [1, 1])
      assert.match(open.lines['signing key'] ?? '', /^problem: .*chmod 600/)
      assert.match(broken.lines['signing key'] ?? '', /^problem: .*holds no ed25519 signing key/)
      assert.match(open.lines.database ?? '', /^problem: it belongs to the server test, but server_name is localhost/)
    } finally {
      await database.remove()
    }
  })

  it('finds a database of another version, and changes none', async () => {
    const database = await createTestDatabase()
    const { url } = database
    const engine = url.startsWith('sqlite:') ? await openSqlite(url.slice('sqlite:'.length)) : openPostgres(url, 1)
    const env = {
      MYELIN_SERVER_NAME: 'test',
      MYELIN_DATA_DIR: database.folder,
      MYELIN_DATABASE_URL: url,
      MYELIN_LISTEN_PORT: '1',
    }
    try {
      await engine.knex('migrations').where({ name: '0024-presence.ts' }).delete()
      const older = await diagnose(env)
      assert.match(older.lines.database ?? '', /^warning: 1 migrations wait for the next start/)
      assert.equal(older.code, 0)
      assert.equal((await engine.knex('migrations').where({ name: '0024-presence.ts' })).length, 0)
      await engine.knex('migrations').insert({ name: '9999-later.ts' })
      const newer = await diagnose(env)
      assert.match(newer.lines.database ?? '', /^problem: a newer version has changed it \(9999-later\.ts\)/)
      assert.equal(newer.code, 1)
    } finally {
      await engine.close()
      await database.remove()
    }
  })

  it('makes nothing where nothing is yet, and says that the first start does', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'myelin-doctor-'))
    try {
      const place = join(folder, 'data')
      const { code, lines } = await diagnose({ MYELIN_DATA_DIR: place, MYELIN_LISTEN_PORT: '1' })
      assert.equal(code, 0, JSON.stringify(lines))
      for (const about of ['data_dir', 'signing key', 'database'])
        assert.match(lines[about] ?? '', /^warning: .*the first start makes it/)
      await assert.rejects(rm(place))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  it('finds a database that cannot be reached, and something else at the public address', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'myelin-doctor-'))
    await loadKeySeed(join(folder, 'signing.key'), systemTokens)
    const other = createServer((_, response) => response.end('<p>Welcome</p>')).listen(0, '127.0.0.1')
    try {
      await new Promise((resolve) => other.once('listening', resolve))
      const { code, lines } = await diagnose({
        MYELIN_DATA_DIR: folder,
        MYELIN_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
        MYELIN_LISTEN_PORT: '1',
        MYELIN_PUBLIC_BASE_URL: `http://127.0.0.1:${(other.address() as AddressInfo).port}`,
      })
      assert.equal(code, 1)
      assert.match(lines.database ?? '', /^problem: .*ECONNREFUSED/)
      assert.match(lines['public address'] ?? '', /^problem: .*answered 200, and not as a Matrix server/)
    } finally {
      other.close()
      await rm(folder, { recursive: true, force: true })
    }
  })

  it('names every problem of a bad configuration', async () => {
    const { code, complaints } = await diagnose({ MYELIN_LISTEN_PORT: 'x', MYELIN_SERVER_NAM: 'x' })
    assert.equal(code, 1)
    assert.match(complaints, /did you mean MYELIN_SERVER_NAME\?/)
  })
})
