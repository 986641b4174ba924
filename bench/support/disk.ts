import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { round } from './statistics.ts'
import type { Figures } from './workload.ts'

/** Tables of state and auth chains, of this server and of Synapse. */
const bookkeeping: ReadonlySet<string> = new Set([
  'room_state',
  'state_keys',
  'event_branches',
  'state_groups',
  'state_groups_state',
  'state_group_edges',
  'event_to_state_groups',
  'state_events',
  'current_state_events',
  'current_state_delta_stream',
  'event_auth',
  'event_auth_chains',
  'event_auth_chain_links',
  'event_auth_chain_to_calculate',
])

/** sqlite:PATH or postgres://… as it lies on disk now. */
export async function readDisk(database: string): Promise<Disk> {
  return database.startsWith('sqlite:') ? readSqlite(database.slice('sqlite:'.length)) : readPostgres(database)
}

type Disk = {
  /** Bytes of each table with its indexes. */
  tables: Map<string, number>
  /** Bytes of the auth index that our own server keeps in the rows of events. */
  auth: number
  /** PDUs as JSON; the writing of a member is that of canonical JSON but for its place. */
  events: readonly string[]
}

/** Servers may carry a new name into rooms after they answered: the disk is read until no event is added. */
async function settled(database: string): Promise<Disk> {
  for (let before = -1; ;) {
    const disk = await readDisk(database)
    if (disk.events.length === before) return disk
    before = disk.events.length
    await new Promise((resolve) => setTimeout(resolve, 5000))
  }
}

/**
 * What the events of a server weigh, and what its database adds, once it has written what it does in the background.
 */
export async function diskFigures(database: string): Promise<Figures> {
  const disk = await settled(database)
  let events = 0
  let changes = 0
  let canonical = 0
  for (const text of disk.events) {
    const { unsigned: _unsigned, ...pdu } = JSON.parse(text) as Record<string, unknown>
    events++
    if (pdu['state_key'] !== undefined) changes++
    canonical += Buffer.byteLength(JSON.stringify(pdu))
  }
  const sizes = [...disk.tables].toSorted(([, a], [, b]) => b - a)
  const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0)
  const kept = sizes.reduce((sum, [name, bytes]) => sum + (bookkeeping.has(name) ? bytes : 0), disk.auth)
  return {
    events,
    state_changes: changes,
    canonical_mb: round(canonical / 1e6),
    database_mb: round(total / 1e6),
    times_canonical: round(total / canonical),
    bookkeeping_bytes_per_change: round(kept / changes),
    ...Object.fromEntries(
      sizes.slice(0, 14).map(([name, bytes]) => [`${name}_bytes_per_event`, round(bytes / events)]),
    ),
  }
}

const ourEvents = `select '{"room_id":"' || r.room_id || '",' || substr(e.client_json, 2, length(e.client_json) - 2) || ','
  || substr(e.graph_json, 2) as pdu from events e join rooms r on r.nid = e.room_nid`
const synapseEvents = 'select json as pdu from event_json'

function readSqlite(path: string): Disk {
  const database = new DatabaseSync(path)
  database.exec('pragma wal_checkpoint(truncate)')
  const rows = database
    .prepare(
      `select s.tbl_name as name, sum(d.pgsize) as bytes from dbstat d join sqlite_schema s on s.name = d.name
       where d.aggregate = 1 group by s.tbl_name`,
    )
    .all() as { name: string; bytes: number }[]
  const events = (database.prepare(ourEvents).all() as { pdu: string }[]).map(({ pdu }) => pdu)
  const auth = sqliteAuthBytes(database)
  database.close()
  return { tables: new Map(rows.map(({ name, bytes }) => [name, bytes])), auth, events }
}

/** What the auth index takes in the rows of events and beside them. */
function sqliteAuthBytes(database: DatabaseSync): number {
  const sql = `select (select pgsize from dbstat where name = 'events_auth' and aggregate = 1)
    + (select sum(coalesce(length(auth), 0) + coalesce(length(former_position), 0)) from events) as bytes`
  return Number(database.prepare(sql).get()?.bytes)
}

/** Rows that were replaced are swept first, as the server's own vacuum would do sooner or later. */
async function readPostgres(url: string): Promise<Disk> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('vacuum')
  const { rows } = await client.query<{ name: string; bytes: string }>(
    `select relname as name, pg_total_relation_size(oid) as bytes from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  )
  const { rows: found } = await client.query("select 1 from pg_tables where tablename = 'event_json'")
  const isSynapse = found.length > 0
  const events = await client.query<{ pdu: string }>(isSynapse ? synapseEvents : ourEvents)
  const auth = isSynapse ? 0 : await authBytes(client)
  await client.end()
  return {
    auth,
    tables: new Map(rows.map(({ name, bytes }) => [name, Number(bytes)])),
    events: events.rows.map(({ pdu }) => pdu),
  }
}

async function authBytes(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    `select pg_relation_size('events_auth') + sum(pg_column_size(auth) + coalesce(pg_column_size(former_position), 0))
      as bytes from events where auth is not null`,
  )
  return Number(rows[0]?.bytes)
}
