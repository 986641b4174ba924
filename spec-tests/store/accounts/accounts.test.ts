import assert from 'node:assert/strict'
import { accounts } from '#store/accounts/accounts.ts'
import type { Engine } from '#store/engine/engine.ts'
import { openPostgres } from '#store/engine/postgres/engine.ts'
import { openSqlite } from '#store/engine/sqlite/engine.ts'
import { createTestDatabase } from '../../support/server/databases.ts'

const open = (url: string): Engine | Promise<Engine> =>
  url.startsWith('sqlite:') ? openSqlite(url.slice('sqlite:'.length)) : openPostgres(url, 1)

/** How the database would find the rows of a read. */
async function planOf({ kind, knex }: Engine, read: () => Promise<unknown>): Promise<string> {
  const asked: string[] = []
  knex.on('query', ({ sql }: { sql: string }) => asked.push(sql))
  await read()
  knex.removeAllListeners('query')
  const [sql = ''] = asked
  if (kind === 'sqlite') return JSON.stringify(await knex.raw(`explain query plan ${sql}`.replaceAll('?', '1')))
  // In a table this small PostgreSQL reads everything unless that is made dear.
  await knex.raw('set enable_seqscan = off')
  return JSON.stringify((await knex.raw<{ rows: unknown }>(`explain ${sql}`.replaceAll(/\$\d+|\?/g, '1'))).rows)
}

describe('accounts in the store', () => {
  it('N11 are found by index where they are erased or administrators, however many others there are', async () => {
    const database = await createTestDatabase()
    const engine = await open(database.url)
    try {
      const table = accounts(engine.knex)
      for (const [userId, isAdmin] of [
        ['@root:test', true],
        ['@alice:test', false],
        ['@bob:test', false],
      ] as const)
        // prettier-ignore
        await table.insert({ userId, createdAt: 1, isAdmin })
      await table.deactivate('@alice:test', { at: 2, erase: true })
      assert.deepEqual(await table.erased(), ['@alice:test'])
      assert.equal(await table.hasAdmin(), true)
      assert.match(await planOf(engine, () => table.erased()), /accounts_erased/)
      assert.match(await planOf(engine, () => table.hasAdmin()), /accounts_admins/)
      await table.deactivate('@root:test', { at: 2, erase: false })
      assert.equal(await table.hasAdmin(), false)
    } finally {
      await engine.close()
      await database.remove()
    }
  })
})
