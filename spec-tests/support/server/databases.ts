import { rmSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore } from '#store/open.ts'
import { leasePostgres } from './postgres.ts'

/** Everything one test server keeps: a folder, and a migrated empty database. */
export type TestDatabase = { url: string; folder: string; remove(): Promise<void> }

export type TestEngine = 'sqlite' | 'postgres'

const defaultEngine = (): TestEngine => (process.env.TEST_DATABASE === 'postgres' ? 'postgres' : 'sqlite')

/** SQLite, or PostgreSQL when TEST_DATABASE=postgres; neither migrates for every test. */
export async function createTestDatabase(engine = defaultEngine()): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'myelin-test-'))
  const database = engine === 'postgres' ? await leasePostgres() : await cloneSqlite(folder)
  return {
    url: database.url,
    folder,
    async remove() {
      await database.release()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

let template: Promise<string> | undefined

async function makeTemplate(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'myelin-template-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'template.db')
  const store = await openStore({ url: `sqlite:${file}`, poolSize: 1, now: () => 0 })
  await store.close()
  return file
}

async function cloneSqlite(folder: string): Promise<{ url: string; release(): Promise<void> }> {
  const file = join(folder, 'myelin.db')
  await copyFile(await (template ??= makeTemplate()), file)
  return { url: `sqlite:${file}`, release: async () => {} }
}
