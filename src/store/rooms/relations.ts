import type { Knex } from 'knex'
import { askedRows, byAsk } from '#store/engine/asked-rows.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import { byBytes, rowsOf } from '#store/engine/dialect.ts'
import type { Engine } from '#store/engine/engine.ts'
import { eventColumns, statusCodes, toStoredEvent, type EventRow, type StoredEvent } from './events.ts'
import { inList } from '#store/engine/in-list.ts'
import { isReadable, isShownTo, type PositionRange, type Readable } from './readable.ts'

/** A child that its parent's bundle may need, with what is known of all children of its kind. */
export type RankedChild = Readonly<{
  parentId: EventId
  relType: string
  eventId: EventId
  position: number
  /** How many children the parent has by this relation type. */
  count: number
  /** Whether one of them is the reader's. */
  isParticipant: boolean
}>

type RankedRow = {
  parent_id: EventId
  rel_type: string
  event_id: EventId
  position: number
  count: number
  participated: number
}

/** Which children of which parents, in the order of the stream. */
export type ChildPage = Readonly<{
  roomNid: number
  parentIds: readonly EventId[]
  relType?: string | undefined
  eventType?: string | undefined
  /** Exclusive. */
  from: number
  /** Exclusive. */
  until?: number | undefined
  direction: 'forwards' | 'backwards'
  limit: number
}>

/** Threads of a room by their newest event. */
export type ThreadPage = Readonly<{
  roomNid: number
  /** Only threads whose newest event comes before this position. */
  before: number
  /** Only what these allow counts. */
  readable: Readable
  limit: number
  /** Only threads this user started or wrote in. */
  participant?: string | undefined
}>

/** By which relations others must relate to an event: of one of these types, from one of these senders. */
export type RelatedBy = Readonly<{
  roomNid: number
  readable: Readable
  relTypes?: readonly string[] | undefined
  senders?: readonly string[] | undefined
}>

const bundled = ['m.thread', 'm.replace', 'm.reference']
const maxReferences = 1000
/** More than one, since an edit may turn out to hold no new content. */
const maxEdits = 5

/** An edit counts only of its author's own event, of the same type, and not of an edit or state. */
const isBundled = `(r.rel_type <> 'm.replace' or (
  r.sender = p.sender and e.type = p.type and e.state_key is null and p.state_key is null and p.redacted_by is null
  and not exists (select 1 from relations o
    where o.room_nid = r.room_nid and o.rel_type = 'm.replace' and o.position = p.position)))`

/** Events of a room whose bundles are wanted, and the positions of it that the reader may read. */
export type BundleParents = Readonly<{
  parentIds: readonly string[]
  roomNid: number
  ranges: readonly PositionRange[]
}>

/** Who relates to what. A redacted event relates to nothing. */
export const relations = (db: Db, kind: Engine['kind']) => {
  const children = (roomNid: number) =>
    db('relations as r')
      .join('events as e', 'e.position', 'r.position')
      .where({ 'r.room_nid': roomNid, 'e.status': statusCodes.accepted })
      .whereNull('e.redacted_by')

  /** Equality lets the database walk the index in the order asked for. */
  const isChildOf = (parentIds: readonly EventId[]): [string, Knex.RawBinding[]] =>
    parentIds.length === 1 ? ['r.parent_id = ?', [parentIds[0] ?? '']] : inList(kind, 'r.parent_id', parentIds)

  /** In several rooms, for one reader: in the order of these. */
  const forBundlesIn = async (
    rooms: readonly BundleParents[],
    { reader, ignored }: { reader: UserId; ignored: ReadonlySet<UserId> },
  ): Promise<RankedChild[][]> => {
    const rows = rooms.flatMap(({ parentIds, roomNid, ranges }, room) =>
      parentIds.flatMap((parentId) => ranges.map(({ from, to }) => [room, parentId, roomNid, from, to])),
    )
    if (rows.length === 0) return rooms.map(() => [])
    const columns = { room: 'bigint', parent_id: 'text', room_nid: 'bigint', first: 'bigint', last: 'bigint' } as const
    const asked = askedRows(kind, columns, rows)
    const [isShown, shown] = isShownTo(kind, 'e', ignored)
    const sql = `select * from (
        select a.room as ask, r.parent_id, r.rel_type, r.position, e.event_id,
          count(*) over (partition by a.room, r.parent_id, r.rel_type) as count,
          max(case when r.sender = ? or p.sender = ? then 1 else 0 end)
            over (partition by a.room, r.parent_id, r.rel_type) as participated,
          row_number() over (partition by a.room, r.parent_id, r.rel_type
            order by case r.rel_type when 'm.replace' then e.origin_server_ts else e.position end desc,
              e.event_id ${byBytes(kind)} desc) as place
        from ${asked.sql}
        join relations r on r.parent_id = a.parent_id and r.room_nid = a.room_nid and r.position between a.first and a.last
        join events e on e.position = r.position
        join events p on p.event_id = r.parent_id and p.room_nid = r.room_nid
        where r.rel_type in (?, ?, ?) and e.status = ? and e.redacted_by is null and ${isShown} and ${isBundled}
      ) ranked
      where place <= case rel_type when 'm.thread' then 1 when 'm.replace' then ${maxEdits} else ${maxReferences} end
      order by ask, parent_id, rel_type, place`
    const values: Knex.RawBinding[] = [reader, reader, ...asked.bindings, ...bundled, statusCodes.accepted, ...shown]
    const raw: unknown = await db.raw(sql, values)
    return byAsk(rooms.length, rowsOf<RankedRow & { ask: number }>(raw), (row) => ({
      parentId: row.parent_id,
      relType: row.rel_type,
      eventId: row.event_id,
      position: Number(row.position),
      count: Number(row.count),
      isParticipant: Number(row.participated) === 1,
    }))
  }

  return {
    /**
     * The events that the parents' bundles are made of: the newest of thread and edits, and references; in one query.
     */
    async forBundles(
      parentIds: readonly string[],
      { roomNid, reader, readable }: { roomNid: number; reader: UserId; readable: Readable },
    ): Promise<RankedChild[]> {
      const { ranges, ignored } = readable
      return (await forBundlesIn([{ parentIds, roomNid, ranges }], { reader, ignored }))[0] ?? []
    },

    /** The same for parents in several rooms, in the order of these. */
    forBundlesIn,

    async page({
      roomNid,
      parentIds,
      relType,
      eventType,
      from,
      until,
      direction,
      limit,
    }: ChildPage): Promise<StoredEvent[]> {
      const forwards = direction === 'forwards'
      const query = children(roomNid)
        .whereRaw(...isChildOf(parentIds))
        .where('r.position', forwards ? '>' : '<', from)
        .orderBy('r.position', forwards ? 'asc' : 'desc')
        .limit(limit)
      if (until !== undefined) void query.where('r.position', forwards ? '<' : '>', until)
      if (relType !== undefined) void query.where('r.rel_type', relType)
      if (eventType !== undefined) void query.where('e.type', eventType)
      return ((await query.select(db.raw(eventColumns))) as EventRow[]).map(toStoredEvent)
    },

    /** The newest 1000 events of one user that relate to an event by one relation type and event type. */
    async listBy(
      parentId: EventId,
      { roomNid, relType, eventType, sender }: { roomNid: number; relType: string; eventType: string; sender: UserId },
    ): Promise<StoredEvent[]> {
      const query = children(roomNid)
        .where({ 'r.parent_id': parentId, 'r.rel_type': relType, 'r.sender': sender, 'e.type': eventType })
        .orderBy('r.position', 'desc')
        .limit(1000)
      return ((await query.select(db.raw(eventColumns))) as EventRow[]).map(toStoredEvent)
    },

    /** Ids of the newest children of some parents. */
    async childIds(
      parentIds: readonly EventId[],
      { roomNid, relType, eventType, limit }: Pick<ChildPage, 'roomNid' | 'relType' | 'eventType' | 'limit'>,
    ): Promise<EventId[]> {
      const query = children(roomNid)
        .whereRaw(...inList(kind, 'r.parent_id', parentIds))
        .orderBy('r.position', 'desc')
        .limit(limit)
      if (relType !== undefined) void query.where('r.rel_type', relType)
      if (eventType !== undefined) void query.where('e.type', eventType)
      return (await query.pluck('e.event_id')) as EventId[]
    },

    /** The thread roots of events at some positions, also of events that have been redacted since. */
    async threadIds(roomNid: number, positions: readonly number[]): Promise<Map<number, EventId>> {
      if (positions.length === 0) return new Map()
      const rows = (await db('relations')
        .where({ room_nid: roomNid, rel_type: 'm.thread' })
        .whereRaw(...inList(kind, 'position', positions))
        .select('position', 'parent_id')) as { position: number; parent_id: EventId }[]
      return new Map(rows.map((row) => [Number(row.position), row.parent_id]))
    },

    /** Of some events, those with related events of one of the relation types or senders. */
    async relatedBy(
      eventIds: readonly EventId[],
      { roomNid, readable, relTypes, senders }: RelatedBy,
    ): Promise<Set<EventId>> {
      if (eventIds.length === 0) return new Set()
      const query = children(roomNid)
        .whereRaw(...inList(kind, 'r.parent_id', eventIds))
        .whereRaw(...isReadable(kind, 'e', readable))
      if (relTypes) void query.whereIn('r.rel_type', relTypes)
      if (senders) void query.whereIn('r.sender', senders)
      return new Set((await query.distinct('r.parent_id').pluck('r.parent_id')) as EventId[])
    },

    /** Roots of threads, the most recently active first, each with the position of its newest event. */
    async threads({
      roomNid,
      before,
      readable,
      limit,
      participant,
    }: ThreadPage): Promise<{ root: StoredEvent; latest: number }[]> {
      const query = children(roomNid)
        .join('events as p', 'p.event_id', 'r.parent_id')
        .where({ 'r.rel_type': 'm.thread', 'p.room_nid': roomNid, 'p.status': statusCodes.accepted })
        .whereRaw(...isReadable(kind, 'e', readable))
        .groupBy('p.position')
        .havingRaw('max(r.position) < ?', [before])
        .orderByRaw('max(r.position) desc')
        .limit(limit)
        .select('p.position', db.raw('max(r.position) as latest'))
      if (participant !== undefined)
        void query.havingRaw('max(case when r.sender = ? or p.sender = ? then 1 else 0 end) = 1', [
          participant,
          participant,
        ])
      const found = (await query) as { position: number; latest: number }[]
      const latest = new Map(found.map((row) => [Number(row.position), Number(row.latest)]))
      if (latest.size === 0) return []
      const roots = await db<EventRow>('events')
        .whereRaw(...inList(kind, 'position', [...latest.keys()]))
        .select('*')
      return roots
        .map((row) => ({ root: toStoredEvent(row), latest: latest.get(Number(row.position)) ?? 0 }))
        .sort((one, other) => other.latest - one.latest)
    },
  }
}
