import type { EventId, RoomId } from '#protocol/ids.ts'
import { decodeAuth, encodeAuth } from './auth-links.ts'
import type { Db } from '#store/engine/db.ts'
import type { Engine, Row } from '#store/engine/engine.ts'
import { statusCodes, toGraphEvent, type GraphRow, type EventStatus, type GraphEvent } from './events.ts'
import { inList } from '#store/engine/in-list.ts'

/** A state interval as it is on disk; the key is unknown where its number is. */
export type StoredInterval = Readonly<{
  keyNid: number
  type: string | null
  stateKey: string | null
  from: number
  to: number | null
  /** Position of the event; 0: none. */
  entry: number
}>

type IntervalRow = {
  key_nid: number
  type: string | null
  state_key: string | null
  from_position: number
  to_position: number | null
  event_position: number | null
}

/** A row as it is and as it should be, in the names of its table; undefined: no such row. */
export type RowChange = Readonly<{ table: CheckedTable; key: Row; stored: Row | undefined; expected: Row | undefined }>

/** Whose rows follow from the events and can be computed anew. */
export type CheckedTable =
  | 'rooms'
  | 'events'
  | 'event_branches'
  | 'event_transactions'
  | 'early_redactions'
  | 'memberships'
  | 'relations'
  | 'receipts'
  | 'room_state'

/** Rows of a room that refer to an event by its position. */
const byPosition = ['relations', 'event_branches', 'early_redactions'] as const

/** The raw tables, for the check that recomputes derived rows. */
export const roomCheck = (db: Db, kind: Engine['kind']) => {
  const rowsIn = (table: CheckedTable) => db(table)
  const intervals = (roomNid: number) =>
    db('room_state as s')
      .leftJoin('state_keys as k', 'k.nid', 's.key_nid')
      .where('s.room_nid', roomNid)
      .select('s.key_nid', 'k.type', 'k.state_key', 's.from_position', 's.to_position', 's.event_position')

  return {
    /** Events of a room after a position, of every status; outliers only where `after` is negative. */
    async events(roomNid: number, { after, limit }: { after: number; limit: number }): Promise<GraphEvent[]> {
      const rows = await db<GraphRow>('events')
        .where({ room_nid: roomNid })
        .where('position', '>', after)
        .orderBy('position')
        .limit(limit)
      return rows.map(toGraphEvent)
    },

    /** A page of state intervals in the order of key and beginning, after one of them. */
    async intervals(
      roomNid: number,
      { after: [keyNid, from], limit }: { after: readonly [number, number]; limit: number },
    ): Promise<StoredInterval[]> {
      const rows: unknown = await intervals(roomNid)
        .whereRaw('(s.key_nid, s.from_position) > (?, ?)', [keyNid, from])
        .orderBy(['s.key_nid', 's.from_position'])
        .limit(limit)
      return (rows as IntervalRow[]).map(toInterval)
    },

    /** State intervals that hold just after a position. */
    async spansAt(roomNid: number, position: number): Promise<StoredInterval[]> {
      const rows: unknown = await intervals(roomNid)
        .where('s.from_position', '<=', position)
        .where((open) => open.whereNull('s.to_position').orWhere('s.to_position', '>', position))
      return (rows as IntervalRow[]).map(toInterval)
    },

    /** State intervals that begin at a position. */
    async spansFrom(roomNid: number, position: number): Promise<StoredInterval[]> {
      return ((await intervals(roomNid).where('s.from_position', position)) as IntervalRow[]).map(toInterval)
    },

    async hasSpan(roomNid: number, keyNid: number, from: number): Promise<boolean> {
      const row: unknown = await db('room_state')
        .where({ room_nid: roomNid, key_nid: keyNid, from_position: from })
        .first('from_position')
      return row !== undefined
    },

    async keyNid(type: string, stateKey: string): Promise<number | undefined> {
      const row = (await db('state_keys').where({ type, state_key: stateKey }).first('nid')) as
        { nid: number } | undefined
      return row && Number(row.nid)
    },

    async room(roomNid: number): Promise<Row | undefined> {
      return (await db('rooms').where({ nid: roomNid }).first()) as Row | undefined
    },

    async memberships(roomNid: number, { after, limit }: { after: string; limit: number }): Promise<Row[]> {
      return (await db('memberships')
        .where({ room_nid: roomNid })
        .where('user_id', '>', after)
        .orderBy('user_id')
        .limit(limit)) as Row[]
    },

    async relations(positions: readonly number[]): Promise<Row[]> {
      if (positions.length === 0) return []
      return (await db('relations').whereRaw(...inList(kind, 'position', positions))) as Row[]
    },

    async earlyRedactions(positions: readonly number[]): Promise<Row[]> {
      if (positions.length === 0) return []
      return (await db('early_redactions').whereRaw(...inList(kind, 'position', positions))) as Row[]
    },

    async transactions(positions: readonly number[]): Promise<Row[]> {
      if (positions.length === 0) return []
      return (await db('event_transactions').whereRaw(...inList(kind, 'position', positions))) as Row[]
    },

    /** Transaction ids whose event is not at their position. */
    async lostTransactions(): Promise<Row[]> {
      const rows = db('event_transactions as t').leftJoin('events as e', 'e.position', 't.position')
      return (await rows.whereNull('e.position').select('t.*')) as Row[]
    },

    /** Receipts of a room for events that it lacks or has elsewhere; `actual` is the position of the event. */
    async lostReceipts(roomId: RoomId, roomNid: number): Promise<(Row & { actual: number | null })[]> {
      return (await db('receipts as r')
        .leftJoin('events as e', (join) => {
          join.on('e.event_id', 'r.event_id').andOn('e.room_nid', db.raw('?', [roomNid]))
        })
        .where('r.room_id', roomId)
        .whereRaw('(e.position is null or e.position <> r.event_position)')
        .select('r.*', 'e.position as actual')) as (Row & { actual: number | null })[]
    },

    /** Events at some positions as the auth index has them. */
    async authRows(
      positions: readonly number[],
    ): Promise<{ position: number; nid: number; auth: number[] | undefined }[]> {
      if (positions.length === 0) return []
      const rows = (await db('events')
        .whereRaw(...inList(kind, 'position', positions))
        .select('position', 'former_position', 'auth')) as {
        position: number
        former_position: number | null
        auth: string | null
      }[]
      return rows.map(({ position, former_position: replaced, auth }) => ({
        position: Number(position),
        nid: Number(replaced ?? position),
        auth: auth === null ? undefined : decodeAuth(auth),
      }))
    },

    /** Rows of a room about events that do not exist. */
    async orphans(roomNid: number): Promise<{ table: CheckedTable; row: Row }[]> {
      const found: { table: CheckedTable; row: Row }[] = []
      for (const table of byPosition) {
        const rows = db(`${table} as t`).leftJoin('events as e', 'e.position', 't.position')
        const lost = (await rows.where('t.room_nid', roomNid).whereNull('e.position').select('t.*')) as Row[]
        found.push(...lost.map((row) => ({ table, row })))
      }
      return found
    },

    /** Ids of the events at some positions. */
    async idsAt(positions: readonly number[]): Promise<Map<number, EventId>> {
      if (positions.length === 0) return new Map()
      const rows = await db<GraphRow>('events')
        .whereRaw(...inList(kind, 'position', positions))
        .select('event_id', 'position')
      return new Map(rows.map((row) => [Number(row.position), row.event_id]))
    },

    async positionsOf(eventIds: readonly EventId[]): Promise<Map<EventId, number>> {
      if (eventIds.length === 0) return new Map()
      const rows = await db<GraphRow>('events')
        .whereRaw(...inList(kind, 'event_id', eventIds))
        .select('event_id', 'position')
      return new Map(rows.map((row) => [row.event_id, Number(row.position)]))
    },

    /** The change that gives an event another status. */
    statusChange({ eventId, status }: Pick<GraphEvent, 'eventId' | 'status'>, expected: EventStatus): RowChange {
      const row = (one: EventStatus): Row => ({ status: statusCodes[one] })
      return { table: 'events', key: { event_id: eventId }, stored: row(status), expected: row(expected) }
    },

    /** The change that makes the auth index hold an event's auth events, or nothing. */
    authChange(
      eventId: EventId,
      stored: readonly number[] | undefined,
      expected: readonly number[] | undefined,
    ): RowChange {
      const row = (auth: readonly number[] | undefined): Row => ({ auth: auth ? encodeAuth(auth) : null })
      return { table: 'events', key: { event_id: eventId }, stored: row(stored), expected: row(expected) }
    },

    /** Raises the revision, which makes pending writes stale; false when the revision has changed already. */
    async moveOn(roomNid: number, revision: number): Promise<boolean> {
      const moved = await db('rooms')
        .where({ nid: roomNid, line_version: revision })
        .update({ line_version: revision + 1 })
      return moved === 1
    },

    /** Applies the changes. */
    async apply(changes: readonly RowChange[]): Promise<void> {
      for (const { table, key, stored, expected } of changes) {
        if (!expected) await rowsIn(table).where(key).delete()
        else if (stored) await rowsIn(table).where(key).update(expected)
        else await rowsIn(table).insert({ ...key, ...expected })
      }
    },
  }
}

const toInterval = (row: IntervalRow): StoredInterval => ({
  keyNid: Number(row.key_nid),
  type: row.type,
  stateKey: row.state_key,
  from: Number(row.from_position),
  to: row.to_position === null ? null : Number(row.to_position),
  entry: Number(row.event_position ?? row.from_position),
})
