import type { Db } from '#store/engine/db.ts'
import { deleteSome } from '#store/engine/dialect.ts'
import type { Engine } from '#store/engine/engine.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

export type AccountData = Readonly<{
  userId: UserId
  /** '' for global account data. */
  roomId: RoomId | ''
  type: string
  /** JSON text. */
  content: string
}>

/** The key of one object; the room is '' for global account data. */
export type AccountDataKey = Omit<AccountData, 'content'>

type Row = { bytes: number; user_id: UserId; room_id: RoomId | ''; type: string; content: string; position: number }

export const accountData = (db: Db, kind: Engine['kind']) => ({
  async find({ userId, roomId, type }: AccountDataKey): Promise<string | undefined> {
    const row = await db<Row>('account_data').where({ user_id: userId, room_id: roomId, type }).first('content')
    return row?.content
  },

  /** What was set after one position of the stream and up to another, the oldest first. */
  async listChanged(userId: UserId, { after, upTo }: { after: number; upTo: number }): Promise<AccountData[]> {
    const rows = await db<Row>('account_data')
      .where({ user_id: userId })
      .where('position', '>', after)
      .where('position', '<=', upTo)
      .orderBy('position')
    return rows.map(fromRow)
  },

  /** How many objects a user has and how many bytes they are together, read from an index alone. */
  async usage(userId: UserId): Promise<{ objects: number; bytes: number }> {
    const row = (await db('account_data')
      .where({ user_id: userId })
      .count('* as objects')
      .sum('bytes as bytes')
      .first()) as { objects: number | string; bytes: number | string | null } | undefined
    return { objects: Number(row?.objects ?? 0), bytes: Number(row?.bytes ?? 0) }
  },

  /** Stores an object, replacing one with the same key. */
  async save({ userId, roomId, type, content }: AccountData, position: number): Promise<void> {
    await db<Row>('account_data')
      .insert({ user_id: userId, room_id: roomId, type, content, position, bytes: Buffer.byteLength(content) })
      .onConflict(['user_id', 'room_id', 'type'])
      .merge()
  },

  async deleteForUser(userId: UserId): Promise<void> {
    await db<Row>('account_data').where({ user_id: userId }).delete()
  },

  /** What users keep for a room, so many at most; answers how many went. */
  async deleteForRoom(roomId: RoomId, limit: number): Promise<number> {
    return deleteSome({ db, kind, table: 'account_data' }, 'room_id = ?', { values: [roomId], limit })
  },
})

const fromRow = (row: Row): AccountData => ({
  userId: row.user_id,
  roomId: row.room_id,
  type: row.type,
  content: row.content,
})
