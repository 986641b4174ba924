import type { Knex } from 'knex'
import { askedRows, byAsk } from '#store/engine/asked-rows.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import { joinEach, rowsOf } from '#store/engine/dialect.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'

/** Only accepted events are shown; rejected and soft-failed ones are kept for the event graph. */
export type EventStatus = 'accepted' | 'soft-failed' | 'rejected' | 'outlier'
export const statusCodes: Readonly<Record<EventStatus, number>> = {
  accepted: 0,
  'soft-failed': 1,
  rejected: 2,
  outlier: 3,
}
const statuses = Object.keys(statusCodes) as EventStatus[]
export const statusOf = (code: number): EventStatus => statuses[code] ?? 'rejected'

export type StoredEvent = Readonly<{
  /** Its position in the stream of all events of this server. */
  position: number
  eventId: EventId
  roomNid: number
  type: string
  /** Null for message events. */
  stateKey: string | null
  sender: UserId
  originServerTs: number
  /** JSON of the fields that clients see, without event_id, room_id and unsigned. */
  clientJson: string
  status: EventStatus
  /** The redaction that was applied to it. */
  redactedBy: EventId | null
  /** It came in as history: the state before it is not known. */
  isHistory?: boolean
}>

/** The same with what only the event graph needs: more text than all that clients get. */
export type GraphEvent = StoredEvent &
  Readonly<{
    /** JSON of the rest of the PDU: hashes, signatures, depth, prev and auth events. */
    graphJson: string
  }>

export type EventRow = Readonly<{
  position: number
  event_id: EventId
  room_nid: number
  type: string
  state_key: string | null
  sender: UserId
  origin_server_ts: number
  client_json: string
  status: number
  redacted_by: EventId | null
  is_history: boolean | number
}>

export type GraphRow = EventRow & Readonly<{ graph_json: string }>

/** The columns of an event without its graph. */
export const shownColumns = [
  'position',
  'event_id',
  'room_nid',
  'type',
  'state_key',
  'sender',
  'origin_server_ts',
  'client_json',
  'status',
  'redacted_by',
] as const satisfies readonly (keyof EventRow)[]

/** The same for a query that calls the table `e`. */
export const eventColumns = shownColumns.map((column) => `e.${column}`).join(', ')

export const toStoredEvent = (row: EventRow): StoredEvent => ({
  position: Number(row.position),
  eventId: row.event_id,
  roomNid: Number(row.room_nid),
  type: row.type,
  stateKey: row.state_key,
  sender: row.sender,
  originServerTs: Number(row.origin_server_ts),
  clientJson: row.client_json,
  status: statusOf(row.status),
  redactedBy: row.redacted_by,
})

export const toGraphEvent = (row: GraphRow): GraphEvent => ({
  position: Number(row.position),
  eventId: row.event_id,
  roomNid: Number(row.room_nid),
  type: row.type,
  stateKey: row.state_key,
  sender: row.sender,
  originServerTs: Number(row.origin_server_ts),
  clientJson: row.client_json,
  graphJson: row.graph_json,
  status: statusOf(row.status),
  redactedBy: row.redacted_by,
  isHistory: Boolean(row.is_history),
})

/** What makes a retried request recognizable: the device, what it addressed, and the id the client chose. */
export type EventTransaction = Readonly<{ userId: UserId; deviceId: string; scope: string; transactionId: string }>

/** A stretch of a room's timeline, in the direction asked for. */
export type Page = Readonly<{
  roomNid: number
  /** Exclusive; reading goes on from here. */
  from: number
  /** Exclusive; reading stops before it. */
  until?: number | undefined
  direction: 'forwards' | 'backwards'
  limit: number
  types?: readonly string[] | undefined
}>

/** Events of a room on one side of a moment, in milliseconds. */
export type TimestampSearch = Readonly<{
  roomNid: number
  ts: number
  direction: 'forwards' | 'backwards'
  /** The newest position that counts. */
  upTo: number
  limit: number
  skip: number
}>

export const events = (db: Db, kind: Engine['kind']) => ({
  async find(eventId: EventId): Promise<GraphEvent | undefined> {
    const row = await db<GraphRow>('events')
      .where({ event_id: eventId as EventId })
      .first()
    return row && toGraphEvent(row)
  },

  /** Those that exist, in no order. */
  async findMany(eventIds: readonly EventId[]): Promise<GraphEvent[]> {
    if (eventIds.length === 0) return []
    const rows = await db<GraphRow>('events')
      .whereRaw(...inList(kind, 'event_id', eventIds))
      .select('*')
    return rows.map(toGraphEvent)
  },

  /** Those that exist, in no order. */
  async atPositions(positions: readonly number[]): Promise<GraphEvent[]> {
    if (positions.length === 0) return []
    const rows = await db<GraphRow>('events')
      .whereRaw(...inList(kind, 'position', positions))
      .select('*')
    return rows.map(toGraphEvent)
  },

  /** The same without what only the graph needs, in the order of their positions. */
  async shownAt(positions: readonly number[]): Promise<StoredEvent[]> {
    if (positions.length === 0) return []
    const rows = (await db('events')
      .whereRaw(...inList(kind, 'position', positions))
      .orderBy('position')
      .select(...shownColumns)) as EventRow[]
    return rows.map(toStoredEvent)
  },

  /** Accepted events of one room. */
  async page({ roomNid, from, until, direction, limit, types }: Page): Promise<StoredEvent[]> {
    const forwards = direction === 'forwards'
    const query = db('events')
      .where({ room_nid: roomNid, status: statusCodes.accepted })
      .where('position', forwards ? '>' : '<', from)
      .orderBy('position', forwards ? 'asc' : 'desc')
      .limit(limit)
    if (until !== undefined) void query.where('position', forwards ? '<' : '>', until)
    if (types) void query.whereIn('type', types)
    return ((await query.select(...shownColumns)) as EventRow[]).map(toStoredEvent)
  },

  /** The newest accepted events of some rooms between two positions (exclusive), newest first, in the order asked for. */
  async pages(
    asks: readonly { roomNid: number; before: number; after: number }[],
    limit: number,
  ): Promise<StoredEvent[][]> {
    const rows = asks.map(({ roomNid, before, after }) => [roomNid, before, after])
    const asked = askedRows(kind, { room_nid: 'bigint', before: 'bigint', after: 'bigint' }, rows)
    const newest = (columns: string) => `select ${columns} from events x
      where x.room_nid = a.room_nid and x.status = 0 and x.position < a.before and x.position > a.after
      order by x.position desc limit ?`
    const events = joinEach(kind, { table: 'events', as: 'e', key: 'position', select: newest })
    const sql = `select a.ask, ${eventColumns} from ${asked.sql} ${events} order by e.position desc`
    const raw: unknown = await db.raw(sql, [...asked.bindings, limit])
    return byAsk(asks.length, rowsOf<EventRow & { ask: number }>(raw), toStoredEvent)
  },

  /** Accepted events by origin_server_ts from a time on, the closest first. */
  async nearTimestamp({ roomNid, ts, direction, upTo, limit, skip }: TimestampSearch): Promise<StoredEvent[]> {
    const forwards = direction === 'forwards'
    const order = forwards ? 'asc' : 'desc'
    const rows = (await db('events')
      .where({ room_nid: roomNid, status: statusCodes.accepted })
      .where('position', '<=', upTo)
      .where('origin_server_ts', forwards ? '>=' : '<=', ts)
      .orderBy([
        { column: 'origin_server_ts', order },
        { column: 'position', order },
      ])
      .limit(limit)
      .offset(skip)
      .select(...shownColumns)) as EventRow[]
    return rows.map(toStoredEvent)
  },

  /** Accepted events of many rooms after one position and up to another (inclusive), each room's newest `limit`, oldest first. */
  async recent(
    roomNids: readonly number[],
    range: { after: number; upTo: number; limit: number },
  ): Promise<StoredEvent[]> {
    if (roomNids.length === 0) return []
    const [condition, bindings] = inList(kind, 'r.nid', roomNids)
    const newest = (columns: string) => `select ${columns} from events x
      where x.room_nid = r.nid and x.status = 0 and x.position > ? and x.position <= ? order by x.position desc limit ?`
    const events = joinEach(kind, { table: 'events', as: 'e', key: 'position', select: newest })
    const sql = `select ${eventColumns} from rooms r ${events} where ${condition} order by e.position`
    const values: Knex.RawBinding[] = [range.after, range.upTo, range.limit, ...bindings]
    const raw: unknown = await db.raw(sql, values)
    return rowsOf<EventRow>(raw).map(toStoredEvent)
  },

  /** The event that a device made with this transaction id before, if it did. */
  async byTransaction({ userId, deviceId, scope, transactionId }: EventTransaction): Promise<EventId | undefined> {
    const row = (await db('event_transactions')
      .where({ user_id: userId, device_id: deviceId, scope, transaction_id: transactionId })
      .first('event_id')) as { event_id: EventId } | undefined
    return row?.event_id
  },

  /** The newest transactions of a device. */
  async listTransactions(
    { userId, deviceId }: Pick<EventTransaction, 'userId' | 'deviceId'>,
    limit: number,
  ): Promise<Pick<EventTransaction, 'scope' | 'transactionId'>[]> {
    const rows = (await db('event_transactions')
      .where({ user_id: userId, device_id: deviceId })
      .orderBy('position', 'desc')
      .limit(limit)
      .select('scope', 'transaction_id')) as { scope: string; transaction_id: string }[]
    return rows.map((row) => ({ scope: row.scope, transactionId: row.transaction_id }))
  },

  /** The transaction ids a device gave to events at these positions. */
  async transactionIds(
    sender: { userId: UserId; deviceId: string },
    positions: readonly number[],
  ): Promise<Map<number, string>> {
    if (positions.length === 0) return new Map()
    const rows = (await db('event_transactions')
      .whereRaw(...inList(kind, 'position', positions))
      .where({ user_id: sender.userId, device_id: sender.deviceId })
      .select('position', 'transaction_id')) as { position: number; transaction_id: string }[]
    return new Map(rows.map((row) => [Number(row.position), row.transaction_id]))
  },

  /** Deletes transaction ids older than a time: clients do not retry that long. Positions grow with time. */
  async deleteTransactionsBefore(before: number): Promise<void> {
    const kept = db('event_transactions')
      .where('created_at', '>=', before)
      .orderBy('position')
      .limit(1)
      .select('position')
    await db('event_transactions')
      .where('created_at', '<', before)
      .whereRaw('position < coalesce((?), ?)', [kept, Number.MAX_SAFE_INTEGER])
      .delete()
  },
})
