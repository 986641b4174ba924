import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { loadConfig } from '#base/config/load.ts'
import { startServer, withContext, withUncheckedContext } from '#server.ts'
import { acceptSigningKey } from '#services/maintenance/check-deployment.ts'
import { SqliteWriter } from '#store/engine/sqlite/writer.ts'
import { openStore } from '#store/open.ts'
import { registerUser } from '../../support/server/client.ts'
import { createTestDatabase, type TestDatabase } from '../../support/server/databases.ts'
import { failuresOnly, testSettings } from '../../support/server/server.ts'

const configOf = (database: TestDatabase, more: Record<string, unknown> = {}) =>
  loadConfig({ settings: { ...testSettings(database), ...more } })

const startOn = (database: TestDatabase, more: Record<string, unknown> = {}) =>
  startServer(configOf(database, more), { log: failuresOnly })

async function withDatabase(test: (database: TestDatabase) => Promise<void>): Promise<void> {
  const database = await createTestDatabase({ isNew: true })
  try {
    await test(database)
  } finally {
    await database.remove()
  }
}

describe('the data of a deployment', () => {
  it('N15 is refused under another server name, by the server and by commands', () =>
    withDatabase(async (database) => {
      const server = await startOn(database)
      await registerUser(server.url, 'alice')
      await server.close()

      const renamed = { server_name: 'other' }
      await assert.rejects(startOn(database, renamed), /belongs to the server test, but server_name is other/)
      await assert.rejects(
        withContext(configOf(database, renamed), async () => {}),
        /belongs to the server test/,
      )
      await (await startOn(database)).close()
    }))

  it('N15 knows the name of a database that is older than the record of it', () =>
    withDatabase(async (database) => {
      await withUncheckedContext(configOf(database), (ctx) =>
        ctx.store.accounts.accounts.insert({ userId: '@alice:elsewhere', createdAt: 0 }),
      )
      await assert.rejects(startOn(database), /belongs to the server elsewhere/)
    }))

  it('N15 is refused with another signing key, until that is accepted', () =>
    withDatabase(async (database) => {
      await (await startOn(database)).close()
      await rm(join(database.folder, 'signing.key'))
      await assert.rejects(startOn(database), /signing\.key in data_dir holds another/)
      await withUncheckedContext(configOf(database), acceptSigningKey)
      await (await startOn(database)).close()
    }))

  it('N26 is served by one process at a time', () =>
    withDatabase(async (database) => {
      const server = await startOn(database)
      await assert.rejects(startOn(database), /Another Myelin process uses this database/)
      await registerUser(server.url, 'alice')
      await server.close()
      await (await startOn(database)).close()
    }))

  it('N26 is served on when the connection that holds the claim breaks', async function () {
    await withDatabase(async (database) => {
      if (!isPostgres(database)) return this.skip()
      const server = await startOn(database)
      await breakClaim(database)
      await assert.rejects(startOn(database), /Another Myelin process uses this database/)
      await server.context.store.ping()
      await server.close()
    })
  })

  it('N26 is given up when another process took it while the claim was broken', async function () {
    await withDatabase(async (database) => {
      if (!isPostgres(database)) return this.skip()
      const server = await startOn(database)
      await breakClaim(database, 'update deployment set epoch = epoch + 1')
      assert.match(String(await server.failed), /Another Myelin process/)
      await server.close()
    })
  })

  it('N24 says when it can no longer be written', async () => {
    await withDatabase(async (database) => {
      const config = configOf(database)
      const broken = Promise.withResolvers<Error>()
      const store = await openStore({ url: database.url, poolSize: 2, now: () => 0 })
      const server = await startServer(config, { log: failuresOnly, store: { ...store, broken: broken.promise } })
      broken.resolve(new Error('The disk is gone'))
      assert.match(String(await server.failed), /The disk is gone/)
      await server.close()
    })
  })

  it('N24 answers every write at once when the writer thread of SQLite has died', async () => {
    const writer = new SqliteWriter('/nowhere/at/all.db')
    const waiting = writer.run([{ sql: 'select 1', rows: [[]] }])
    await assert.rejects(waiting, /unable to open/)
    assert.match(String(await writer.broken), /unable to open/)
    await assert.rejects(writer.run([{ sql: 'select 1', rows: [[]] }]), /unable to open/)
    await writer.close()
  })
})

const isPostgres = ({ url }: TestDatabase) => url.startsWith('postgres')

/** Ends the connection that holds the claim, and does something before it can be taken again. */
async function breakClaim({ url }: TestDatabase, meanwhile = 'select 1'): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`begin; ${meanwhile}`)
  await client.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'myelin claim' and datname = current_database()",
  )
  await client.query('commit')
  await client.end()
}
