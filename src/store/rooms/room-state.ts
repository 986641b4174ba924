import type { EventId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import { rowsOf } from '#store/engine/dialect.ts'
import type { Engine } from '#store/engine/engine.ts'
import {
  eventColumns,
  toGraphEvent,
  toStoredEvent,
  type EventRow,
  type GraphEvent,
  type GraphRow,
  type StoredEvent,
} from './events.ts'
import { inList } from '#store/engine/in-list.ts'
import { inPages } from '#store/engine/in-pages.ts'

/** Which event holds a state key, without its content. */
export type StoredStateEntry = Readonly<{
  type: string
  stateKey: string
  eventId: EventId
  /** Position of the event that holds the key. */
  position: number
  /** Position since which it holds the key. */
  from: number
}>

/** Which event held a state key; null: none. */
export type PastStateEntry = Readonly<{ type: string; stateKey: string; eventId: EventId | null }>

type EntryRow = {
  room_nid: number
  type: string
  state_key: string
  event_id: EventId
  position: number
  from_position: number
}

/**
 * State as intervals: the event that holds a key from one position until the next (`to_position` is null while it
 * holds). It is the event at the position where the interval begins, unless `event_position` names another: branches
 * that meet can bring an older one back. Where none follows, an empty interval of no event (its end is its beginning)
 * says that the key changed.
 *
 * SQLite has no statistics here, and after a join very many intervals begin at one position: the unary plus keeps it
 * from using that index for a key, and a cross join fixes the order of the tables.
 */
export const roomState = (db: Db, kind: Engine['kind']) => {
  const eventOf = (interval: string) =>
    db.raw('coalesce(??, ??)', [`${interval}.event_position`, `${interval}.from_position`])
  const intervals = () =>
    db('room_state as s').join('state_keys as k', 'k.nid', 's.key_nid').join('events as e', 'e.position', eventOf('s'))

  return {
    /** All current state of rooms by their numbers, contents left out: what live rooms keep in memory. */
    async currentEntries(roomNids: readonly number[]): Promise<Map<number, StoredStateEntry[]>> {
      const entries = new Map<number, StoredStateEntry[]>()
      if (roomNids.length === 0) return entries
      const rows = await inPages<EntryRow>(kind, { table: 's', columns: ['room_nid'] }, () =>
        db('room_state as s')
          .join('events as e', 'e.position', eventOf('s'))
          .whereRaw(...inList(kind, 's.room_nid', roomNids))
          .whereNull('s.to_position')
          .select('s.room_nid', 'e.type', 'e.state_key', 'e.event_id', 'e.position', 's.from_position'),
      )
      for (const row of rows) {
        const ofRoom = entries.get(Number(row.room_nid)) ?? []
        if (ofRoom.length === 0) entries.set(Number(row.room_nid), ofRoom)
        ofRoom.push({
          type: row.type,
          stateKey: row.state_key,
          eventId: row.event_id,
          position: Number(row.position),
          from: Number(row.from_position),
        })
      }
      return entries
    },

    /** The current state events of some types with an empty state key, of several rooms in one query. */
    async current(roomNids: readonly number[], types: readonly string[]): Promise<StoredEvent[]> {
      if (roomNids.length === 0) return []
      const query = db('state_keys as k')
        .crossJoin(db.raw('room_state as s'))
        .join('events as e', 'e.position', eventOf('s'))
        .whereIn('k.type', types)
        .where('k.state_key', '')
        .whereRaw('s.key_nid = k.nid and s.to_position is null')
        .whereRaw(...inList(kind, 's.room_nid', roomNids))
      return ((await query.select(db.raw(eventColumns))) as EventRow[]).map(toStoredEvent)
    },

    /** State keys that changed between two positions, with the event that holds each at the later one. */
    async changes(roomNids: readonly number[], after: number, upTo: number): Promise<StoredEvent[]> {
      if (roomNids.length === 0) return []
      const query = intervals()
        .whereRaw(...inList(kind, 's.room_nid', roomNids))
        .where('s.from_position', '>', after)
        .where('s.from_position', '<=', upTo)
        .where((open) => open.whereNull('s.to_position').orWhere('s.to_position', '>', upTo))
      return ((await query.select(db.raw(eventColumns))) as EventRow[]).map(toStoredEvent)
    },

    /** The event that holds one key just after a position. */
    async eventAt(
      roomNid: number,
      [type, stateKey]: readonly [string, string],
      position: number,
    ): Promise<GraphEvent | undefined> {
      const row = (await intervals()
        .where({ 's.room_nid': roomNid, 'k.type': type, 'k.state_key': stateKey })
        .whereRaw('+s.from_position <= ? and (s.to_position is null or s.to_position > ?)', [position, position])
        .first('e.*')) as GraphRow | undefined
      return row && toGraphEvent(row)
    },

    /** The events that the state events at these positions replaced, by position of the later event. */
    async replacedState(roomNid: number, positions: readonly number[]): Promise<Map<number, GraphEvent>> {
      if (positions.length === 0) return new Map()
      const rows = (await db('room_state as s')
        .crossJoin(db.raw('room_state as f'))
        .join('events as e', 'e.position', eventOf('f'))
        .where('s.room_nid', roomNid)
        .whereRaw('f.room_nid = s.room_nid and f.key_nid = s.key_nid and f.to_position = s.from_position')
        .whereRaw('+f.from_position < s.from_position')
        .whereRaw(...inList(kind, 's.from_position', positions))
        .whereNull('s.event_position')
        .select('e.*', 's.from_position')) as (GraphRow & { from_position: number })[]
      return new Map(rows.map((row) => [Number(row.from_position), toGraphEvent(row)]))
    },

    /**
     * Every event that held a key, oldest first, and undefined where none did: for visibility, which depends on when
     * it changed.
     */
    async history(
      roomNid: number,
      [type, stateKey]: readonly [string, string],
    ): Promise<{ from: number; event: StoredEvent | undefined }[]> {
      const rows = (await db('room_state as s')
        .join('state_keys as k', 'k.nid', 's.key_nid')
        .leftJoin('events as e', 'e.position', eventOf('s'))
        .where({ 's.room_nid': roomNid, 'k.type': type, 'k.state_key': stateKey })
        .orderByRaw('+s.from_position')
        .select(db.raw(eventColumns), 's.from_position')) as (EventRow & {
        from_position: number
        event_id: EventId | null
      })[]
      return rows.map((row) => ({
        from: Number(row.from_position),
        event: row.event_id === null ? undefined : toStoredEvent(row),
      }))
    },

    /** State keys that changed after a position, each with the event that held it just after that position. */
    async entriesBefore(roomNid: number, position: number): Promise<PastStateEntry[]> {
      const sql = `select k.type, k.state_key, e.event_id from
          (select distinct key_nid from room_state where room_nid = ? and from_position > ?) c
        join state_keys k on k.nid = c.key_nid
        left join room_state s on s.room_nid = ? and s.key_nid = c.key_nid and +s.from_position <= ?
          and (s.to_position is null or s.to_position > ?)
        left join events e on e.position = coalesce(s.event_position, s.from_position)`
      const raw: unknown = await db.raw(sql, [roomNid, position, roomNid, position, position])
      return rowsOf<Pick<EntryRow, 'type' | 'state_key'> & { event_id: EventId | null }>(raw).map((row) => ({
        type: row.type,
        stateKey: row.state_key,
        eventId: row.event_id,
      }))
    },
  }
}
