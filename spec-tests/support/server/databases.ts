import { rmSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fillDatabase } from './earlier-history.ts'
import { leasePostgres } from './postgres.ts'

/** Everything one test server keeps: a folder, and a migrated database that was in use before. */
export type TestDatabase = { url: string; folder: string; remove(): Promise<void> }

/**
 * SQLite, or PostgreSQL when TEST_DATABASE=postgres; neither migrates for every test. `isNew`: for tests of the very first
 * start; all others begin with an earlier history.
 */
export async function createTestDatabase({ isNew = false } = {}): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'myelin-test-'))
  const database =
    process.env.TEST_DATABASE === 'postgres' ? await leasePostgres({ isNew }) : await cloneSqlite(folder, isNew)
  return {
    url: database.url,
    folder,
    async remove() {
      await database.release()
      await rm(folder, { recursive: true, force: true })
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
