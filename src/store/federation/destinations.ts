import type { ServerName } from '#protocol/ids.ts'
import { askedRows } from '#store/engine/asked-rows.ts'
import type { Db } from '#store/engine/db.ts'
import { rowsOf, textPosition } from '#store/engine/dialect.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'

/** Since when a server does not answer, and when it is tried again; in milliseconds. */
export type Backoff = Readonly<{
  failingSince: number
  triedAt: number
  retryAt: number
  interval: number
  error: string
}>

export type Destination = Readonly<{
  serverName: ServerName
  /** Everything for it up to this position is sent. */
  lastSent: number
  /** Undefined while it answers. */
  backoff: Backoff | undefined
}>

/** How it stands with a server after requests to it; `lastSent` never goes back. */
export type DestinationOutcome = Readonly<{
  serverName: ServerName
  lastSent: number | undefined
  backoff: Backoff | undefined
}>

export type DestinationPage = Readonly<{
  from: number
  limit: number
  orderBy: 'destination' | 'retry_last_ts' | 'retry_interval' | 'failure_ts' | 'last_successful_stream_ordering'
  direction: 'asc' | 'desc'
  /** Only servers whose name contains this. */
  contains?: string | undefined
}>

/** What waits for a server. */
export type Pending = Readonly<{ rooms: number; edus: number; eduBytes: number }>

type Row = {
  server_name: ServerName
  last_sent: number
  failing_since: number | null
  tried_at: number | null
  retry_at: number | null
  retry_interval: number | null
  last_error: string | null
}

const orderColumns: Readonly<Record<DestinationPage['orderBy'], string>> = {
  destination: 'server_name',
  retry_last_ts: 'coalesce(tried_at, 0)',
  retry_interval: 'coalesce(retry_interval, 0)',
  failure_ts: 'coalesce(failing_since, 0)',
  last_successful_stream_ordering: 'last_sent',
}

export const destinations = (db: Db, kind: Engine['kind']) => ({
  async find(serverName: ServerName): Promise<Destination | undefined> {
    const row = await db<Row>('destinations').where({ server_name: serverName }).first()
    return row && fromRow(row)
  },

  async findMany(serverNames: readonly ServerName[]): Promise<Destination[]> {
    if (serverNames.length === 0) return []
    const rows = (await db('destinations').whereRaw(...inList(kind, 'server_name', serverNames))) as Row[]
    return rows.map(fromRow)
  },

  /** Adds those that are not known yet. */
  async add(serverNames: readonly ServerName[]): Promise<void> {
    if (serverNames.length === 0) return
    const asked = askedRows(
      kind,
      { server_name: 'text' },
      serverNames.map((name) => [name]),
    )
    await db.raw(
      `insert into destinations (server_name) select a.server_name from ${asked.sql} where true
         on conflict (server_name) do nothing`,
      asked.bindings,
    )
  },

  /** Writes how it stands with servers that are known; nothing is kept of others. */
  async save(outcomes: readonly DestinationOutcome[]): Promise<void> {
    if (outcomes.length === 0) return
    const asked = askedRows(
      kind,
      {
        server_name: 'text',
        last_sent: 'bigint',
        failing_since: 'bigint',
        tried_at: 'bigint',
        retry_at: 'bigint',
        retry_interval: 'bigint',
        last_error: 'text',
      },
      outcomes.map(({ serverName, lastSent = 0, backoff }) => [
        serverName,
        lastSent,
        backoff?.failingSince ?? 0,
        backoff?.triedAt ?? 0,
        backoff?.retryAt ?? 0,
        backoff?.interval ?? 0,
        backoff?.error ?? '',
      ]),
    )
    await db.raw(
      `update destinations set
         last_sent = case when a.last_sent > destinations.last_sent then a.last_sent else destinations.last_sent end,
         failing_since = nullif(a.failing_since, 0), tried_at = nullif(a.tried_at, 0), retry_at = nullif(a.retry_at, 0),
         retry_interval = nullif(a.retry_interval, 0), last_error = nullif(a.last_error, '')
       from ${asked.sql} where destinations.server_name = a.server_name`,
      asked.bindings,
    )
  },

  /** Those that do not answer. */
  async listFailing(): Promise<Destination[]> {
    return (await db<Row>('destinations').whereNotNull('failing_since')).map(fromRow)
  },

  /** Those for which something waits. */
  async listPending(): Promise<Destination[]> {
    const rows = (await db('destinations')
      .whereRaw(
        `exists (select 1 from destination_rooms r
           where r.server_name = destinations.server_name and r.position > destinations.last_sent)
         or exists (select 1 from outgoing_edus e where e.server_name = destinations.server_name)`,
      )
      .select('*')) as Row[]
    return rows.map(fromRow)
  },

  async page({ from, limit, orderBy, direction, contains }: DestinationPage): Promise<Destination[]> {
    const query = db<Row>('destinations')
      .orderByRaw(`${orderColumns[orderBy]} ${direction}`)
      .orderBy('server_name')
      .offset(from)
      .limit(limit)
    if (contains !== undefined) void query.whereRaw(`${textPosition(kind)}(lower(server_name), ?) > 0`, [contains])
    return (await query).map(fromRow)
  },

  async count(contains?: string): Promise<number> {
    const query = db('destinations').count({ count: '*' })
    if (contains !== undefined) void query.whereRaw(`${textPosition(kind)}(lower(server_name), ?) > 0`, [contains])
    const [row] = (await query) as { count: number | string }[]
    return Number(row?.count ?? 0)
  },

  /** What waits for each of these servers, in the order asked for. */
  async pending(serverNames: readonly ServerName[]): Promise<Pending[]> {
    const asked = askedRows(
      kind,
      { server_name: 'text' },
      serverNames.map((name) => [name]),
    )
    const sql = `select a.ask,
        (select count(*) from destination_rooms r join destinations d on d.server_name = r.server_name
          where r.server_name = a.server_name and r.position > d.last_sent) as rooms,
        (select count(*) from outgoing_edus e where e.server_name = a.server_name) as edus,
        (select coalesce(sum(e.bytes), 0) from outgoing_edus e where e.server_name = a.server_name) as edu_bytes
      from ${asked.sql} order by a.ask`
    type Counts = { rooms: number; edus: number; edu_bytes: number }
    return rowsOf<Counts>(await db.raw(sql, asked.bindings)).map((row) => ({
      rooms: Number(row.rooms),
      edus: Number(row.edus),
      eduBytes: Number(row.edu_bytes),
    }))
  },
})

const optional = (value: number | null): number => Number(value ?? 0)

const fromRow = (row: Row): Destination => ({
  serverName: row.server_name,
  lastSent: Number(row.last_sent),
  backoff:
    row.failing_since === null
      ? undefined
      : {
          failingSince: Number(row.failing_since),
          triedAt: optional(row.tried_at),
          retryAt: optional(row.retry_at),
          interval: optional(row.retry_interval),
          error: row.last_error ?? '',
        },
})
