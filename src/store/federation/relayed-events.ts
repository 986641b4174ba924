import type { EventId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'

/**
 * Membership events of other servers' users that came to this server by a handshake: it is for this server to send them
 * on to the others in the room.
 */
export const relayedEvents = (db: Db, kind: Engine['kind']) => ({
  async add(eventId: EventId, now: number): Promise<void> {
    await db('relayed_events').insert({ event_id: eventId, created_at: now }).onConflict('event_id').ignore()
  },

  /** It was refused. */
  async delete(eventId: EventId): Promise<void> {
    await db('relayed_events').where({ event_id: eventId }).delete()
  },

  /** Of some events those that this server is to send on. */
  async among(eventIds: readonly EventId[]): Promise<Set<EventId>> {
    if (eventIds.length === 0) return new Set()
    const found = db('relayed_events').whereRaw(...inList(kind, 'event_id', eventIds))
    return new Set((await found.pluck('event_id')) as EventId[])
  },

  async deleteBefore(time: number): Promise<void> {
    await db('relayed_events').where('created_at', '<', time).delete()
  },
})
