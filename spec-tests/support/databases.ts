import { createHash, randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { openStore } from '#store/open.ts'

/** Everything one test server keeps: a folder, and a migrated empty database. */
export type TestDatabase = { url: string; folder: string; remove(): Promise<void> }

/** SQLite, or PostgreSQL when TEST_DATABASE=postgres; a clone of a template, so that nothing is migrated again. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'myelin-test-'))
  const database = process.env.TEST_DATABASE === 'postgres' ? await clonePostgres() : await cloneSqlite(folder)
  return {
    url: database.url,
    folder,
    async remove() {
      await database.remove()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

type Clone = { url: string; remove(): Promise<void> }

const once = <T>(make: () => Promise<T>) => {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

const sqliteTemplate = once(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'myelin-template-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'template.db')
  await migrate(`sqlite:${file}`)
  return file
})

async function cloneSqlite(folder: string): Promise<Clone> {
  const file = join(folder, 'myelin.db')
  await copyFile(await sqliteTemplate(), file)
  return { url: `sqlite:${file}`, remove: async () => {} }
}

async function migrate(url: string): Promise<void> {
  const store = await openStore({ url, poolSize: 1, now: () => 0 })
  await store.close()
}

/** Named after the migrations it holds, so that it outlives the run and is made again when they change. */
const postgresTemplate = once(async () => {
  const name = `myelin_template_${await migrationsHash()}`
  await asAdmin(async (admin) => {
    await admin.query('select pg_advisory_lock(7204312)')
    const found = await admin.query('select 1 from pg_database where datname = $1', [name])
    if (found.rowCount === 1) return
    const draft = `myelin_draft_${randomBytes(6).toString('hex')}`
    await admin.query(`create database ${draft}`)
    await migrate(databaseUrl(draft))
    await admin.query(`alter database ${draft} rename to ${name}`)
  })
  return name
})

async function clonePostgres(): Promise<Clone> {
  const template = await postgresTemplate()
  const name = `myelin_test_${randomBytes(6).toString('hex')}`
  await asAdmin((admin) => admin.query(`create database ${name} template ${template}`))
  return {
    url: databaseUrl(name),
    remove: () => asAdmin(async (admin) => void (await admin.query(`drop database ${name} with (force)`))),
  }
}

async function migrationsHash(): Promise<string> {
  const folder = new URL('../../migrations/', import.meta.url)
  const hash = createHash('sha256')
  for (const file of (await readdir(folder)).sort()) hash.update(file).update(await readFile(new URL(file, folder)))
  return hash.digest('hex').slice(0, 16)
}

async function asAdmin<T>(work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: adminUrl() })
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.end()
  }
}

function adminUrl(): string {
  const url = process.env.TEST_POSTGRES_URL
  if (!url)
    throw new Error('TEST_DATABASE=postgres needs TEST_POSTGRES_URL: a PostgreSQL user that may create databases')
  return url
}

function databaseUrl(name: string): string {
  const url = new URL(adminUrl())
  url.pathname = `/${name}`
  return url.href
}
