import type { EventId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'

/**
 * Where the history of a room is not here: below an event whose previous events could not be had. Positions are kept free
 * there for what is fetched later, from the upper end down.
 */
export type HistoryGap = Readonly<{
  /** Of the event at its upper end. */
  position: number
  /** Where the next older event goes. */
  nextPosition: number
  /** The lowest position that is kept free. */
  firstPosition: number
  /** The events that come next below; none where the gap is closed. */
  edges: readonly EventId[]
}>

type Row = { room_nid: number; position: number; next_position: number; first_position: number; edges: string }

export const historyGaps = (db: Db, kind: Engine['kind']) => ({
  /** The same for several rooms, in the order asked for. */
  async listOf(roomNids: readonly number[]): Promise<HistoryGap[][]> {
    const rows = await db<Row>('history_gaps')
      .whereRaw(...inList(kind, 'room_nid', roomNids))
      .orderBy('position', 'desc')
    const byRoom = Map.groupBy(rows, (row) => Number(row.room_nid))
    return roomNids.map((nid) => (byRoom.get(nid) ?? []).map(fromRow))
  },

  /** The gaps of a room, closed ones among them, the newest first. */
  async list(roomNid: number): Promise<HistoryGap[]> {
    return (await db<Row>('history_gaps').where({ room_nid: roomNid }).orderBy('position', 'desc')).map(fromRow)
  },
})

const fromRow = (row: Row): HistoryGap => ({
  position: Number(row.position),
  nextPosition: Number(row.next_position),
  firstPosition: Number(row.first_position),
  edges: JSON.parse(row.edges) as EventId[],
})
