import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import pg from 'pg'
import { openStore } from '#store/open.ts'

/**
 * An empty migrated database for one test. They are kept and emptied again, because making one takes ten times as
 * long; an advisory lock says which are in use, so that several test runs may share a PostgreSQL.
 */
export async function leasePostgres(): Promise<{ url: string; release(): Promise<void> }> {
  const admin = await connect(adminUrl())
  try {
    const family = `myelin_test_${await migrationsHash()}`
    const number = await lockFreeNumber(admin)
    const url = databaseUrl(`${family}_${number}`)
    if (await exists(admin, `${family}_${number}`)) await empty(url)
    else await create(admin, { family, name: `${family}_${number}` })
    // Runs with other migrations drop what is not in use, as while its server restarts.
    const holder = await connect(url)
    return {
      url,
      async release() {
        await holder.end()
        await admin.end()
      },
    }
  } catch (error) {
    await admin.end()
    throw error
  }
}

const leases = 7_204_312
const making = 7_204_313

async function lockFreeNumber(admin: pg.Client): Promise<number> {
  for (let number = 1; ; number++) {
    const { rows } = await admin.query<{ free: boolean }>('select pg_try_advisory_lock($1, $2) as free', [
      leases,
      number,
    ])
    if (rows[0]?.free) return number
  }
}

/** A template of the family is migrated once; databases of other families stay behind from older migrations. */
async function create(admin: pg.Client, { family, name }: { family: string; name: string }): Promise<void> {
  await admin.query('select pg_advisory_lock($1)', [making])
  const template = `${family}_template`
  if (!(await exists(admin, template))) {
    await dropOthers(admin, family)
    const draft = `${family}_draft`
    await admin.query(`drop database if exists ${draft} with (force)`)
    await admin.query(`create database ${draft}`)
    const store = await openStore({ url: databaseUrl(draft), poolSize: 1, now: () => 0 })
    await store.close()
    await run(databaseUrl(draft), keepSeeds)
    await admin.query(`alter database ${draft} rename to ${template}`)
  }
  await admin.query(`create database ${name} template ${template}`)
  await admin.query('select pg_advisory_unlock($1)', [making])
}

/** Those in use cannot be dropped, and stay. */
async function dropOthers(admin: pg.Client, family: string): Promise<void> {
  const { rows } = await admin.query<{ datname: string }>(
    `select datname from pg_database where starts_with(datname, 'myelin_test_') and not starts_with(datname, $1)`,
    [family],
  )
  for (const { datname } of rows) await admin.query(`drop database if exists ${datname}`).catch(() => {})
}

/** Migrations may write rows; they are put aside, to be there again in an emptied database. */
const keepSeeds = `
do $$
declare place record; filled boolean;
begin
  create schema seeds;
  for place in select tablename from pg_tables where schemaname = 'public' loop
    execute format('select exists (select from public.%I)', place.tablename) into filled;
    if filled then execute format('create table seeds.%1$I as table public.%1$I', place.tablename); end if;
  end loop;
end $$`

const restoreSeeds = `
do $$
declare place record;
begin
  for place in select tablename from pg_tables where schemaname = 'public' loop
    execute format('delete from public.%I', place.tablename);
  end loop;
  for place in select tablename from pg_tables where schemaname = 'seeds' loop
    execute format('insert into public.%1$I select * from seeds.%1$I', place.tablename);
  end loop;
  for place in select sequencename from pg_sequences where schemaname = 'public' loop
    execute format('alter sequence public.%I restart', place.sequencename);
  end loop;
end $$`

const empty = (url: string) => run(url, restoreSeeds)

async function run(url: string, statement: string): Promise<void> {
  const client = await connect(url)
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

async function exists(admin: pg.Client, name: string): Promise<boolean> {
  return (await admin.query('select 1 from pg_database where datname = $1', [name])).rowCount === 1
}

async function migrationsHash(): Promise<string> {
  const folder = new URL('../../../migrations/', import.meta.url)
  const hash = createHash('sha256')
  for (const file of (await readdir(folder)).sort()) hash.update(file).update(await readFile(new URL(file, folder)))
  return hash.digest('hex').slice(0, 16)
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
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
