import type { EventId } from '#protocol/ids.ts'
import type { Db } from './db.ts'
import type { Engine } from './engine.ts'
import { rowsOf, toStoredEvent, type EventRow, type StoredEvent } from './events.ts'
import { inList } from './in-list.ts'

/** Which event holds a state key, without its content. */
export type StateHolder = {
  type: string
  stateKey: string
  eventId: EventId
  /** Position of the event that holds the key. */
  position: number
  /** Position since which it holds the key. */
  from: number
}

/** Who held a state key; null: nobody. */
export type FormerHolder = { type: string; stateKey: string; eventId: EventId | null }

/** Narrows state to some types, or to some keys of them. */
export type StateSelection = { types?: readonly string[]; notTypes?: readonly string[]; members?: readonly string[] }

type HolderRow = {
  room_nid: number
  type: string
  state_key: string
  event_id: EventId
  position: number
  from_position: number
}

/**
 * State as spans: a key's holder from one position until the next (`to_position` is null while it holds). The holder is
 * the event that stands where the span begins, unless `event_position` names another: branches that meet can bring an
 * older one back. Where nobody follows, an empty span of no event (its
 * end is its beginning) says that the key changed.
 */
export const roomState = (db: Db, kind: Engine['kind']) => {
  const holderOf = (span: string) => db.raw('coalesce(??, ??)', [`${span}.event_position`, `${span}.from_position`])
  const spans = () =>
    db('room_state as s').join('state_keys as k', 'k.nid', 's.key_nid').join('events as e', 'e.position', holderOf('s'))

  return {
    /** All current state of rooms by their numbers, contents left out: what room lines keep in memory. */
    async currentHolders(roomNids: readonly number[]): Promise<Map<number, StateHolder[]>> {
      const holders = new Map<number, StateHolder[]>()
      if (roomNids.length === 0) return holders
      const rows = (await spans()
        .whereRaw(...inList(kind, 's.room_nid', roomNids))
        .whereNull('s.to_position')
        .select('s.room_nid', 'k.type', 'k.state_key', 'e.event_id', 'e.position', 's.from_position')) as HolderRow[]
      for (const row of rows) {
        const ofRoom = holders.get(Number(row.room_nid)) ?? []
        if (ofRoom.length === 0) holders.set(Number(row.room_nid), ofRoom)
        ofRoom.push({
          type: row.type,
          stateKey: row.state_key,
          eventId: row.event_id,
          position: Number(row.position),
          from: Number(row.from_position),
        })
      }
      return holders
    },

    /** The state of rooms just after a position; of all rooms in one query. */
    async at(roomNids: readonly number[], position: number, selection: StateSelection = {}): Promise<StoredEvent[]> {
      if (roomNids.length === 0) return []
      const query = spans()
        .whereRaw(...inList(kind, 's.room_nid', roomNids))
        .where('s.from_position', '<=', position)
        .where((open) => open.whereNull('s.to_position').orWhere('s.to_position', '>', position))
      return ((await select(query, selection).select('e.*')) as EventRow[]).map(toStoredEvent)
    },

    /** The current state of rooms; of all rooms in one query. */
    async current(roomNids: readonly number[], selection: StateSelection = {}): Promise<StoredEvent[]> {
      if (roomNids.length === 0) return []
      const query = spans()
        .whereRaw(...inList(kind, 's.room_nid', roomNids))
        .whereNull('s.to_position')
      return ((await select(query, selection).select('e.*')) as EventRow[]).map(toStoredEvent)
    },

    /** State keys whose holder differs between two positions, with the holder at the later one. */
    async changes(roomNids: readonly number[], after: number, upTo: number): Promise<StoredEvent[]> {
      if (roomNids.length === 0) return []
      const query = spans()
        .whereRaw(...inList(kind, 's.room_nid', roomNids))
        .where('s.from_position', '>', after)
        .where('s.from_position', '<=', upTo)
        .where((open) => open.whereNull('s.to_position').orWhere('s.to_position', '>', upTo))
      return ((await query.select('e.*')) as EventRow[]).map(toStoredEvent)
    },

    /** The holder of one key just after a position. */
    async holderAt(
      roomNid: number,
      [type, stateKey]: readonly [string, string],
      position: number,
    ): Promise<StoredEvent | undefined> {
      const row = (await spans()
        .where({ 's.room_nid': roomNid, 'k.type': type, 'k.state_key': stateKey })
        .where('s.from_position', '<=', position)
        .orderBy('s.from_position', 'desc')
        .first('e.*', 's.to_position')) as (EventRow & { to_position: number | null }) | undefined
      const isHeld = row && (row.to_position === null || Number(row.to_position) > position)
      return isHeld ? toStoredEvent(row) : undefined
    },

    /** For state events at these positions, what held their keys before them, by position of the later event. */
    async formers(roomNid: number, positions: readonly number[]): Promise<Map<number, StoredEvent>> {
      if (positions.length === 0) return new Map()
      const rows = (await db('room_state as s')
        .join('room_state as f', (join) => {
          join.on('f.room_nid', 's.room_nid').andOn('f.key_nid', 's.key_nid')
          join.andOn(
            'f.from_position',
            db.raw(`(select max(x.from_position) from room_state x
              where x.room_nid = s.room_nid and x.key_nid = s.key_nid and x.from_position < s.from_position)`),
          )
        })
        .join('events as e', 'e.position', holderOf('f'))
        .where('s.room_nid', roomNid)
        .whereRaw(...inList(kind, 's.from_position', positions))
        .whereNull('s.event_position')
        .select('e.*', 's.from_position')) as (EventRow & { from_position: number })[]
      return new Map(rows.map((row) => [Number(row.from_position), toStoredEvent(row)]))
    },

    /**
     * Every holder a key has had, oldest first, and undefined where it had none: for visibility, which depends on when
     * it changed.
     */
    async history(
      roomNid: number,
      [type, stateKey]: readonly [string, string],
    ): Promise<{ from: number; event: StoredEvent | undefined }[]> {
      const rows = (await db('room_state as s')
        .join('state_keys as k', 'k.nid', 's.key_nid')
        .leftJoin('events as e', 'e.position', holderOf('s'))
        .where({ 's.room_nid': roomNid, 'k.type': type, 'k.state_key': stateKey })
        .orderBy('s.from_position')
        .select('e.*', 's.from_position')) as (EventRow & { from_position: number; event_id: EventId | null })[]
      return rows.map((row) => ({
        from: Number(row.from_position),
        event: row.event_id === null ? undefined : toStoredEvent(row),
      }))
    },

    /** State keys that changed after a position, each with who held it just after that position. */
    async holdersBefore(roomNid: number, position: number): Promise<FormerHolder[]> {
      const sql = `select k.type, k.state_key, e.event_id from
          (select distinct key_nid from room_state where room_nid = ? and from_position > ?) c
        join state_keys k on k.nid = c.key_nid
        left join room_state s on s.room_nid = ? and s.key_nid = c.key_nid and s.from_position <= ?
          and (s.to_position is null or s.to_position > ?)
        left join events e on e.position = coalesce(s.event_position, s.from_position)`
      const raw: unknown = await db.raw(sql, [roomNid, position, roomNid, position, position])
      return rowsOf<Pick<HolderRow, 'type' | 'state_key'> & { event_id: EventId | null }>(raw).map((row) => ({
        type: row.type,
        stateKey: row.state_key,
        eventId: row.event_id,
      }))
    },
  }

  function select<Q extends ReturnType<typeof spans>>(query: Q, { types, notTypes, members }: StateSelection): Q {
    if (types) void query.whereIn('k.type', types)
    if (notTypes) void query.whereNotIn('k.type', notTypes)
    if (members) void query.where('k.type', 'm.room.member').whereRaw(...inList(kind, 'k.state_key', members))
    return query
  }
}
