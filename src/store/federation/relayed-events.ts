import type { EventId, ServerName } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'

type Row = { event_id: EventId; origin: ServerName; created_at: number }

/** Events of other servers that this one passes on to all others in the room, because they entered it here. */
export const relayedEvents = (db: Db, kind: Engine['kind']) => ({
  async add(event: { eventId: EventId; origin: ServerName; now: number }): Promise<void> {
    await db<Row>('relayed_events')
      .insert({ event_id: event.eventId, origin: event.origin, created_at: event.now })
      .onConflict('event_id')
      .ignore()
  },

  /** It was refused. */
  async delete(eventId: EventId): Promise<void> {
    await db('relayed_events').where({ event_id: eventId }).delete()
  },

  /** Of some events, those that are passed on, with the server that has them. */
  async findMany(eventIds: readonly EventId[]): Promise<Map<EventId, ServerName>> {
    if (eventIds.length === 0) return new Map()
    const rows = (await db('relayed_events').whereRaw(...inList(kind, 'event_id', eventIds))) as Row[]
    return new Map(rows.map((row) => [row.event_id, row.origin]))
  },

  async deleteBefore(before: number): Promise<void> {
    await db<Row>('relayed_events').where('created_at', '<', before).delete()
  },
})
