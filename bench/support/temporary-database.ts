import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** A database beside the one named, gone at the end: empty, or a copy of another that has no connections. */
export async function temporaryDatabase(url: string, copied?: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `bench_${randomBytes(6).toString('hex')}`
  const template = copied === undefined ? '' : ` template ${new URL(copied).pathname.slice(1)}`
  await run(url, `create database ${name}${template}`)
  const own = new URL(url)
  own.pathname = `/${name}`
  return { url: own.href, drop: () => run(url, `drop database if exists ${name} with (force)`) }
}

async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(statement).finally(() => client.end())
}
