import type { Db } from '#store/engine/db.ts'
import { deleteSome } from '#store/engine/dialect.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'

/** How far a user has read, by one type of receipt in one thread. */
export type Receipt = Readonly<{
  roomId: RoomId
  userId: UserId
  type: string
  /** '' without thread, `main`, or the id of the thread's root. */
  threadId: string
  eventId: EventId
  /** Position of that event. */
  eventPosition: number
  /** Milliseconds since the epoch. */
  receivedAt: number
}>

type Row = {
  room_id: RoomId
  user_id: UserId
  type: string
  thread_id: string
  event_id: EventId
  event_position: number
  received_at: number
  position: number
}

export const receipts = (db: Db, kind: Engine['kind']) => ({
  /** False when the user's receipt is as far already: receipts never go backwards. */
  async advance({ roomId, userId, type, threadId, ...read }: Receipt, position: number): Promise<boolean> {
    const rows = await db<Row>('receipts')
      .insert({
        room_id: roomId,
        user_id: userId,
        type,
        thread_id: threadId,
        event_id: read.eventId,
        event_position: read.eventPosition,
        received_at: read.receivedAt,
        position,
      })
      .onConflict(['room_id', 'user_id', 'type', 'thread_id'])
      .merge()
      .whereRaw('receipts.event_position < excluded.event_position')
      .returning('position')
    return rows.length === 1
  },

  /** The user's receipts in one room. */
  async listOfUser(roomId: RoomId, userId: UserId): Promise<Receipt[]> {
    return (await db<Row>('receipts').where({ room_id: roomId, user_id: userId })).map(fromRow)
  },

  /** The user's receipts in some rooms, in the order of the rooms. */
  async listOfUserIn(roomIds: readonly RoomId[], userId: UserId): Promise<Receipt[][]> {
    const rows = (await db('receipts')
      .whereRaw(...inList(kind, 'room_id', roomIds))
      .where('user_id', userId)) as Row[]
    const ofRoom = Map.groupBy(rows.map(fromRow), ({ roomId }) => roomId)
    return roomIds.map((roomId) => ofRoom.get(roomId) ?? [])
  },

  /** Receipts in some rooms after one position of the stream and up to another. */
  async listChanged(roomIds: readonly RoomId[], { after, upTo }: { after: number; upTo: number }): Promise<Receipt[]> {
    if (roomIds.length === 0) return []
    const rows = (await db('receipts')
      .whereRaw(...inList(kind, 'room_id', roomIds))
      .where('position', '>', after)
      .where('position', '<=', upTo)
      .orderBy('position')) as Row[]
    return rows.map(fromRow)
  },

  /** Those of a room up to a position, so many at most; answers how many went. */
  async deleteSome(roomId: RoomId, { upTo, limit }: { upTo: number; limit: number }): Promise<number> {
    const where = 'room_id = ? and event_position <= ?'
    return deleteSome({ db, kind, table: 'receipts' }, where, { values: [roomId, upTo], limit })
  },
})

const fromRow = (row: Row): Receipt => ({
  roomId: row.room_id,
  userId: row.user_id,
  type: row.type,
  threadId: row.thread_id,
  eventId: row.event_id,
  eventPosition: Number(row.event_position),
  receivedAt: Number(row.received_at),
})
