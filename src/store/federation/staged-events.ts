import type { EventId, RoomId, ServerName } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { pairList } from '#store/engine/pair-list.ts'

/** An event that another server sent and that is not worked on yet. */
export type StagedEvent = Readonly<{
  roomId: RoomId
  eventId: EventId
  /** The server that sent it, which need not be that of its sender. */
  origin: ServerName
  /** As JSON text. */
  pdu: string
}>

type Row = { place: number; room_id: RoomId; event_id: EventId; origin: ServerName; pdu: string }

export const stagedEvents = (db: Db, kind: Engine['kind']) => ({
  /** Those that are staged already stay as they are. */
  async insert(events: readonly StagedEvent[]): Promise<void> {
    if (events.length === 0) return
    await db<Row>('staged_events')
      .insert(events.map(({ roomId, eventId, origin, pdu }) => ({ room_id: roomId, event_id: eventId, origin, pdu })))
      .onConflict(['room_id', 'event_id'])
      .ignore()
  },

  async find(roomId: RoomId, eventId: EventId): Promise<StagedEvent | undefined> {
    const row = await db<Row>('staged_events').where({ room_id: roomId, event_id: eventId }).first()
    return row && fromRow(row)
  },

  /** The next ones in the order in which they came; `place` is where to go on from. */
  async page(after: number, limit: number): Promise<(Omit<StagedEvent, 'pdu'> & { place: number })[]> {
    const rows = await db<Row>('staged_events')
      .where('place', '>', after)
      .orderBy('place')
      .limit(limit)
      .select('place', 'room_id', 'event_id', 'origin')
    return rows.map((row) => ({
      place: Number(row.place),
      roomId: row.room_id,
      eventId: row.event_id,
      origin: row.origin,
    }))
  },

  async delete(events: readonly Pick<StagedEvent, 'roomId' | 'eventId'>[]): Promise<void> {
    if (events.length === 0) return
    const pairs = events.map(({ roomId, eventId }) => [roomId, eventId] as const)
    await db<Row>('staged_events')
      .whereRaw(...pairList(kind, ['room_id', 'event_id'], pairs))
      .delete()
  },
})

const fromRow = (row: Row): StagedEvent => ({
  roomId: row.room_id,
  eventId: row.event_id,
  origin: row.origin,
  pdu: row.pdu,
})
