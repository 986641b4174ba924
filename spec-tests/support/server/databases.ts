import { rmSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fillDatabase, writeSigningKey } from './earlier-history.ts'
import { leasePostgres } from './postgres.ts'

/** Everything one test server keeps: a folder, and a migrated database that was in use before. */
export type TestDatabase = { url: string; folder: string; remove(): Promise<void> }

export type TestEngine = 'sqlite' | 'postgres'

export type DatabaseOptions = {
  /** For tests of the very first start; all others begin with an earlier history. */
  isNew?: boolean
  engine?: TestEngine
}

const defaultEngine = (): TestEngine => (process.env.TEST_DATABASE === 'postgres' ? 'postgres' : 'sqlite')

/** Who made the databases that are not removed yet. */
export const openDatabases = new Set<Error>()

/** SQLite, or PostgreSQL when TEST_DATABASE=postgres; neither migrates for every test. */
export async function createTestDatabase({
  isNew = false,
  engine = defaultEngine(),
}: DatabaseOptions = {}): Promise<TestDatabase> {
  const maker = new Error('made here')
  openDatabases.add(maker)
  const folder = await mkdtemp(join(tmpdir(), 'myelin-test-'))
  if (!isNew) await writeSigningKey(folder)
  const database = engine === 'postgres' ? await leasePostgres({ isNew }) : await cloneSqlite(folder, isNew)
  return {
    url: database.url,
    folder,
    async remove() {
      await database.release()
      await rm(folder, { recursive: true, force: true })
      openDatabases.delete(maker)
    },
  }
}

/** One with an earlier history, and one that is new. */
const templates = new Map<boolean, Promise<string>>()

async function makeTemplate(isNew: boolean): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'myelin-template-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'template.db')
  await fillDatabase({ url: `sqlite:${file}`, folder }, isNew)
  return file
}

async function cloneSqlite(folder: string, isNew: boolean): Promise<{ url: string; release(): Promise<void> }> {
  const file = join(folder, 'myelin.db')
  const template = templates.get(isNew) ?? makeTemplate(isNew)
  templates.set(isNew, template)
  await copyFile(await template, file)
  return { url: `sqlite:${file}`, release: async () => {} }
}
