import type { RoomAlias, RoomId, UserId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'

/** A name of this server for a room. */
export type StoredAlias = Readonly<{ alias: RoomAlias; roomId: RoomId; createdBy: UserId; createdAt: number }>

/** An alias is reserved before its room is on disk; after this long, in ms, without the room it is free again. */
const makingMs = 300_000

const hasRoom = 'exists (select 1 from rooms where rooms.room_id = room_aliases.room_id)'

type Row = { alias: RoomAlias; room_id: RoomId; created_by: UserId; created_at: number }

export const roomAliases = (db: Db) => ({
  /** Undefined also while the room is being created, or when that failed. */
  async find(alias: string): Promise<StoredAlias | undefined> {
    const row = await db<Row>('room_aliases')
      .where({ alias: alias as RoomAlias })
      .whereRaw(hasRoom)
      .first()
    return row && fromRow(row)
  },

  /** The aliases of a room, the oldest first. */
  async listForRoom(roomId: RoomId): Promise<RoomAlias[]> {
    return db<Row>('room_aliases').where({ room_id: roomId }).orderBy(['created_at', 'alias']).pluck('alias')
  },

  async countBy(userId: UserId): Promise<number> {
    const row = (await db<Row>('room_aliases').where({ created_by: userId }).count('* as count').first()) as
      { count: number | string } | undefined
    return Number(row?.count ?? 0)
  },

  /** False when the alias is taken; that of a room whose creation failed is free again. */
  async insert({ alias, roomId, createdBy, createdAt }: StoredAlias): Promise<boolean> {
    const inserted = await db<Row>('room_aliases')
      .insert({ alias, room_id: roomId, created_by: createdBy, created_at: createdAt })
      .onConflict('alias')
      .merge()
      .where('room_aliases.created_at', '<', createdAt - makingMs)
      .whereRaw(`not ${hasRoom}`)
      .returning('alias')
    return inserted.length === 1
  },

  /** False when there was no such alias. */
  async delete(alias: string): Promise<boolean> {
    const deleted = await db<Row>('room_aliases')
      .where({ alias: alias as RoomAlias })
      .delete()
    return deleted > 0
  },

  async deleteForRoom(roomId: RoomId): Promise<void> {
    await db<Row>('room_aliases').where({ room_id: roomId }).delete()
  },

  /** Points all names of one room at another. */
  async moveAll(from: RoomId, to: RoomId): Promise<void> {
    await db<Row>('room_aliases').where({ room_id: from }).update({ room_id: to })
  },
})

const fromRow = (row: Row): StoredAlias => ({
  alias: row.alias,
  roomId: row.room_id,
  createdBy: row.created_by,
  createdAt: Number(row.created_at),
})
