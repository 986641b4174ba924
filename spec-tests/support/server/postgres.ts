import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { fillDatabase } from './earlier-history.ts'

/**
 * A migrated database for one test, with nothing in it but the earlier history, if any. They are kept and emptied again, because making one takes ten times as
 * long; an advisory lock says which are in use, so that several test runs may share a PostgreSQL.
 */
export async function leasePostgres({ isNew }: { isNew: boolean }): Promise<{ url: string; release(): Promise<void> }> {
  const admin = await connect(adminUrl())
  try {
    const family = `myelin_test_${await templateHash()}`
    const number = await lockFreeNumber(admin)
    const name = `${family}_${isNew ? 'new_' : ''}${number}`
    const url = databaseUrl(name)
    if (await exists(admin, name)) await empty(url)
    else await create(admin, { family, name, isNew })
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
async function create(
  admin: pg.Client,
  { family, name, isNew }: { family: string; name: string; isNew: boolean },
): Promise<void> {
  await admin.query('select pg_advisory_lock($1)', [making])
  const template = `${family}_${isNew ? 'new_' : ''}template`
  if (!(await exists(admin, template))) {
    await dropOthers(admin, family)
    const draft = `${family}_draft`
    await admin.query(`drop database if exists ${draft} with (force)`)
    await admin.query(`create database ${draft}`)
    const folder = await mkdtemp(join(tmpdir(), 'myelin-template-'))
    await fillDatabase({ url: databaseUrl(draft), folder }, isNew)
    await rm(folder, { recursive: true })
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

/** The rows of the template are put aside, with where its sequences stand, to be there again in an emptied database. */
const keepSeeds = `
do $$
declare place record; filled boolean;
begin
  create schema seeds;
  for place in select tablename from pg_tables where schemaname = 'public' loop
    execute format('select exists (select from public.%I)', place.tablename) into filled;
    if filled then execute format('create table seeds.%1$I as table public.%1$I', place.tablename); end if;
  end loop;
  create schema seed_sequences;
  create table seed_sequences.positions as
    select sequencename::text as name, coalesce(last_value, 0) + 1 as next from pg_sequences where schemaname = 'public';
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
  for place in select name, next from seed_sequences.positions loop
    execute format('alter sequence public.%I restart with %s', place.name, place.next);
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

async function templateHash(): Promise<string> {
  const folder = new URL('../../../migrations/', import.meta.url)
  const hash = createHash('sha256').update(await readFile(new URL('earlier-history.ts', import.meta.url)))
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
