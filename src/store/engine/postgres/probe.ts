import pg from 'pg'
import type { Probe } from '#store/engine/probe.ts'

const patienceMs = 5000
/** The oldest version that the tests run with. */
const testedVersion = 15

type Facts = { version: string; number: string; encoding: string; collation: string; now: string }

const facts = `select current_setting('server_version') as version, current_setting('server_version_num') as number,
  pg_encoding_to_char(encoding) as encoding, datcollate as collation,
  extract(epoch from clock_timestamp()) * 1000 as now
  from pg_database where datname = current_database()`

export async function probePostgres(url: string): Promise<Probe> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: patienceMs,
    query_timeout: patienceMs,
  })
  await client.connect()
  const { rows } = await client.query<Facts>(facts)
  const { version = '', number = '0', encoding = '', collation = '', now } = rows[0] ?? {}
  return {
    version: `PostgreSQL ${version}`,
    now: Number(now),
    writtenAt: undefined,
    problems: encoding === 'UTF8' ? [] : [`its encoding is ${encoding}: make it with --encoding=UTF8`],
    warnings: [...ageOf(Number(number), version), ...collationOf(collation)],
    query: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
    close: () => client.end(),
  }
}

const ageOf = (number: number, version: string): string[] =>
  number >= testedVersion * 10_000 ? [] : [`PostgreSQL ${version} is older than ${testedVersion}, the oldest tested`]

/** Indexes of text are in the order of the collation, which another version of the C library may change. */
const collationOf = (collation: string): string[] =>
  collation === 'C' || collation === 'POSIX'
    ? []
    : [`its collation is ${collation}, so a newer C library can break indexes: make it with --locale=C`]
