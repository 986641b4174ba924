import type { RoomId, ServerName } from '#protocol/ids.ts'
import { askedRows } from '#store/engine/asked-rows.ts'
import type { Db } from '#store/engine/db.ts'
import { deleteSome } from '#store/engine/dialect.ts'
import type { Engine } from '#store/engine/engine.ts'

/** The newest event of a room that is for a server. */
export type DestinationRoom = Readonly<{ serverName: ServerName; roomNid: number; position: number }>

type Row = { server_name: ServerName; room_nid: number; position: number }

export const destinationRooms = (db: Db, kind: Engine['kind']) => ({
  /** Writes down that events are for servers; positions never go back. */
  async queue(rows: readonly DestinationRoom[]): Promise<void> {
    if (rows.length === 0) return
    const asked = askedRows(
      kind,
      { server_name: 'text', room_nid: 'bigint', position: 'bigint' },
      rows.map(({ serverName, roomNid, position }) => [serverName, roomNid, position]),
    )
    await db.raw(
      `insert into destination_rooms (server_name, room_nid, position)
         select a.server_name, a.room_nid, a.position from ${asked.sql} where true
         on conflict (server_name, room_nid) do update set position = excluded.position
           where destination_rooms.position < excluded.position`,
      asked.bindings,
    )
  },

  /** Rooms whose newest event for the server comes after a position, by the position of that event. */
  async pendingOf(serverName: ServerName, after: number, limit: number): Promise<DestinationRoom[]> {
    const rows = await db<Row>('destination_rooms')
      .where({ server_name: serverName })
      .where('position', '>', after)
      .orderBy('position')
      .limit(limit)
    return rows.map((row) => ({
      serverName: row.server_name,
      roomNid: Number(row.room_nid),
      position: Number(row.position),
    }))
  },

  /** The rooms of which a server was ever sent something, by name. */
  async listRooms(
    serverName: ServerName,
    { from, limit, direction }: { from: number; limit: number; direction: 'asc' | 'desc' },
  ): Promise<{ roomId: RoomId; position: number }[]> {
    const rows = (await db('destination_rooms as d')
      .join('rooms as r', 'r.nid', 'd.room_nid')
      .where({ 'd.server_name': serverName })
      .orderBy('r.room_id', direction)
      .offset(from)
      .limit(limit)
      .select('r.room_id', 'd.position')) as { room_id: RoomId; position: number }[]
    return rows.map((row) => ({ roomId: row.room_id, position: Number(row.position) }))
  },

  async countRooms(serverName: ServerName): Promise<number> {
    const [row] = (await db('destination_rooms as d')
      .join('rooms as r', 'r.nid', 'd.room_nid')
      .where({ 'd.server_name': serverName })
      .count({ count: '*' })) as { count: number | string }[]
    return Number(row?.count ?? 0)
  },

  /** Those of a deleted room, so many at most; answers how many went. */
  async deleteSome(roomNid: number, limit: number): Promise<number> {
    return deleteSome({ db, kind, table: 'destination_rooms' }, 'room_nid = ?', { values: [roomNid], limit })
  },
})
