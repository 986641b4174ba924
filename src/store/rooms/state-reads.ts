import type { EventId } from '#protocol/ids.ts'
import { askedRows, byAsk } from '#store/engine/asked-rows.ts'
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
import type { PastStateEntry } from './room-state.ts'

/** A state key of a room. */
export type KeyAsk = Readonly<{ roomNid: number; type: string; stateKey: string }>

type Asked<Row> = Row & { ask: number }

const keyColumns = { room_nid: 'bigint', type: 'text', state_key: 'text' } as const
const eventPosition = 'coalesce(s.event_position, s.from_position)'

/**
 * Reads of `room-state.ts` for many rooms in one query; answers come in the order of what is asked. Cross joins make
 * SQLite begin with that, and look the rest up by it.
 */
export const stateReads = (db: Db, kind: Engine['kind']) => {
  const run = async <Row>(sql: string, bindings: readonly unknown[]): Promise<Asked<Row>[]> =>
    rowsOf<Asked<Row>>(await db.raw(sql, bindings as never))
  const keyRows = (asks: readonly KeyAsk[]) => asks.map(({ roomNid, type, stateKey }) => [roomNid, type, stateKey])

  return {
    /** Every event that each key has had. */
    async histories(asks: readonly KeyAsk[]): Promise<{ from: number; event: StoredEvent | undefined }[][]> {
      const asked = askedRows(kind, keyColumns, keyRows(asks))
      const sql = `select a.ask, s.from_position, ${eventColumns} from ${asked.sql}
        cross join state_keys k cross join room_state s left join events e on e.position = ${eventPosition}
        where k.type = a.type and k.state_key = a.state_key and s.room_nid = a.room_nid and s.key_nid = k.nid
        order by a.ask, s.from_position`
      type Row = EventRow & { from_position: number; event_id: EventId | null }
      const rows = await run<Row>(sql, asked.bindings)
      return byAsk(asks.length, rows, (row) => ({
        from: Number(row.from_position),
        event: row.event_id === null ? undefined : toStoredEvent(row),
      }))
    },

    /** The event that held each key just after a position. */
    async eventsAt(asks: readonly (KeyAsk & { position: number })[]): Promise<(GraphEvent | undefined)[]> {
      const rows = asks.map((ask) => [ask.roomNid, ask.type, ask.stateKey, ask.position])
      const asked = askedRows(kind, { ...keyColumns, upto: 'bigint' }, rows)
      const sql = `select a.ask, e.* from ${asked.sql}
        cross join state_keys k cross join room_state s cross join events e
        where k.type = a.type and k.state_key = a.state_key and s.room_nid = a.room_nid and s.key_nid = k.nid
          and s.from_position <= a.upto and (s.to_position is null or s.to_position > a.upto) and e.position = ${eventPosition}`
      const found = await run<GraphRow>(sql, asked.bindings)
      return byAsk(asks.length, found, toGraphEvent).map(([event]) => event)
    },

    /** The events that the state events at some positions replaced, by position of the later event. */
    async replacedAt(asks: readonly { roomNid: number; position: number }[]): Promise<Map<number, GraphEvent>> {
      const rows = asks.map(({ roomNid, position }) => [roomNid, position])
      const asked = askedRows(kind, { room_nid: 'bigint', at: 'bigint' }, rows)
      const sql = `select a.ask, e.*, s.from_position from ${asked.sql}
        cross join room_state s cross join room_state f cross join events e
        where s.room_nid = a.room_nid and s.from_position = a.at and s.event_position is null
          and f.room_nid = s.room_nid and f.key_nid = s.key_nid and f.to_position = s.from_position
          and f.from_position < s.from_position and e.position = coalesce(f.event_position, f.from_position)`
      const found = await run<GraphRow & { from_position: number }>(sql, asked.bindings)
      return new Map(found.map((row) => [Number(row.from_position), toGraphEvent(row)]))
    },

    /** State keys of each room whose event differs between two positions, with the event at the later one. */
    async changesOf(asks: readonly { roomNid: number; after: number; upTo: number }[]): Promise<StoredEvent[][]> {
      const rows = asks.map(({ roomNid, after, upTo }) => [roomNid, after, upTo])
      const asked = askedRows(kind, { room_nid: 'bigint', since: 'bigint', upto: 'bigint' }, rows)
      const sql = `select a.ask, ${eventColumns} from ${asked.sql} cross join room_state s cross join events e
        where s.room_nid = a.room_nid and s.from_position > a.since and s.from_position <= a.upto
          and (s.to_position is null or s.to_position > a.upto) and e.position = ${eventPosition}`
      return byAsk(asks.length, await run<EventRow>(sql, asked.bindings), toStoredEvent)
    },

    /** State keys of each room that changed after a position, with the event that held them just after it. */
    async entriesBefore(asks: readonly { roomNid: number; position: number }[]): Promise<PastStateEntry[][]> {
      const rows = asks.map(({ roomNid, position }) => [roomNid, position])
      const asked = askedRows(kind, { room_nid: 'bigint', at: 'bigint' }, rows)
      const sql = `select c.ask, k.type, k.state_key, e.event_id from
          (select distinct a.ask, a.room_nid, a.at, s.key_nid from ${asked.sql} cross join room_state s
            where s.room_nid = a.room_nid and s.from_position > a.at) c
        join state_keys k on k.nid = c.key_nid
        left join room_state s on s.room_nid = c.room_nid and s.key_nid = c.key_nid and +s.from_position <= c.at
          and (s.to_position is null or s.to_position > c.at)
        left join events e on e.position = ${eventPosition}`
      const found = await run<{ type: string; state_key: string; event_id: EventId | null }>(sql, asked.bindings)
      return byAsk(asks.length, found, ({ type, state_key: stateKey, event_id: eventId }) => ({
        type,
        stateKey,
        eventId,
      }))
    },
  }
}
