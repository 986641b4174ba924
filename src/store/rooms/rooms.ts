import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import { lockEach } from '#store/engine/dialect.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'

/** A room as its last committed event left it. */
export type StoredRoom = Readonly<{
  /** Its number in this store. */
  nid: number
  roomId: RoomId
  /** Room version id. */
  version: string
  /** Grows with every write; a write that was built on another value is stale. */
  revision: number
  /** Forward extremities. */
  forwardExtremities: readonly EventId[]
  depth: number
  /** Position of its newest event. */
  lastPosition: number
  /** Listed in the room directory. */
  isPublished: boolean
  /** Known only from a join in progress: none of this server's users has joined it yet. */
  isPlaceholder: boolean
  /** Up to this position history is purged and no longer shown. */
  purgedUpTo: number
}>

type Row = {
  nid: number
  room_id: RoomId
  version: string
  line_version: number
  heads: string
  depth: number
  last_position: number
  is_published: boolean | number
  is_placeholder: boolean | number
  purged_up_to: number
}

export const rooms = (db: Db, kind: Engine['kind']) => ({
  async find(roomId: RoomId): Promise<StoredRoom | undefined> {
    const row = await db<Row>('rooms')
      .where({ room_id: roomId as RoomId })
      .first()
    return row && fromRow(row)
  },

  /** Those that exist, in no order. */
  async findMany(roomIds: readonly RoomId[]): Promise<StoredRoom[]> {
    if (roomIds.length === 0) return []
    return (await db<Row>('rooms').whereRaw(...inList(kind, 'room_id', roomIds))).map(fromRow)
  },

  /** How far these rooms are, by their numbers. */
  async revisions(nids: readonly number[]): Promise<Map<number, number>> {
    if (nids.length === 0) return new Map()
    const rows = (await db('rooms')
      .whereRaw(...inList(kind, 'nid', nids))
      .select('nid', 'line_version')) as Pick<Row, 'nid' | 'line_version'>[]
    return new Map(rows.map((row) => [Number(row.nid), Number(row.line_version)]))
  },

  /** Locks these rooms against other writers until the end of the transaction; SQLite has only one in any case. */
  async lock(roomIds: readonly RoomId[]): Promise<void> {
    if (roomIds.length === 0) return
    const found = db('rooms').whereRaw(...inList(kind, 'room_id', roomIds))
    await lockEach(kind, found, 'nid')
  },

  async findByNid(nid: number): Promise<StoredRoom | undefined> {
    const row = await db<Row>('rooms').where({ nid }).first()
    return row && fromRow(row)
  },

  async list(): Promise<StoredRoom[]> {
    return (await db<Row>('rooms').orderBy('nid')).map(fromRow)
  },

  /** The ids of the rooms a user is joined to. */
  async listJoined(userId: UserId): Promise<RoomId[]> {
    return db('memberships as m')
      .join('rooms as r', 'r.nid', 'm.room_nid')
      .where({ 'm.user_id': userId, 'm.membership': 'join' })
      .pluck('r.room_id')
  },

  async listPublished(): Promise<StoredRoom[]> {
    return (await db<Row>('rooms').where({ is_published: true }).orderBy('nid')).map(fromRow)
  },

  /** Corrects the version of a room of which there is no event yet: what was said of it before was only said. */
  async setVersion(nid: number, version: string): Promise<void> {
    await db<Row>('rooms')
      .where({ nid, is_placeholder: true, heads: '[]' })
      .update({ version, line_version: db.raw('line_version + 1') as unknown as number })
  },

  async setPublished(nid: number, isPublished: boolean): Promise<void> {
    await db<Row>('rooms').where({ nid }).update({ is_published: isPublished })
  },
})

const fromRow = (row: Row): StoredRoom => ({
  nid: Number(row.nid),
  roomId: row.room_id,
  version: row.version,
  revision: Number(row.line_version),
  forwardExtremities: JSON.parse(row.heads) as EventId[],
  depth: Number(row.depth),
  lastPosition: Number(row.last_position),
  isPublished: Boolean(row.is_published),
  isPlaceholder: Boolean(row.is_placeholder),
  purgedUpTo: Number(row.purged_up_to),
})
