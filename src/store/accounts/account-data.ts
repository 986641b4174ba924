import type { Db } from '#store/engine/db.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

export type AccountData = {
  userId: UserId
  /** '' for what belongs to no room. */
  roomId: RoomId | ''
  type: string
  /** JSON text. */
  content: string
}

/** Which object: the room is '' for what belongs to none. */
export type AccountDataKey = Omit<AccountData, 'content'>

type Row = { user_id: UserId; room_id: RoomId | ''; type: string; content: string; position: number }

export const accountData = (db: Db) => ({
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

  async count(userId: UserId): Promise<number> {
    const row = (await db('account_data').where({ user_id: userId }).count('* as count').first()) as
      { count: number | string } | undefined
    return Number(row?.count ?? 0)
  },

  /** Stores an object in the place of what is there. */
  async save({ userId, roomId, type, content }: AccountData, position: number): Promise<void> {
    await db<Row>('account_data')
      .insert({ user_id: userId, room_id: roomId, type, content, position })
      .onConflict(['user_id', 'room_id', 'type'])
      .merge()
  },

  async deleteForUser(userId: UserId): Promise<void> {
    await db<Row>('account_data').where({ user_id: userId }).delete()
  },
})

const fromRow = (row: Row): AccountData => ({
  userId: row.user_id,
  roomId: row.room_id,
  type: row.type,
  content: row.content,
})
