import type { EventId } from '#protocol/ids.ts'
import { decodeAuth } from './auth-links.ts'
import type { Db } from '#store/engine/db.ts'
import { rowsAtOnce } from '#store/engine/dialect.ts'
import type { Engine } from '#store/engine/engine.ts'

/**
 * A state event that the rules allowed, and the numbers of the events that entitled its sender. An event's number is
 * the position it was first given; that of an outlier stays when it comes into the timeline.
 */
export type IndexedEvent = {
  nid: number
  position: number
  eventId: EventId
  type: string
  stateKey: string
  auth: number[]
}

type Row = { nid: number; position: number; event_id: EventId; type: string; state_key: string; auth: string }

/**
 * The auth events of each state event, in its row. Only events whose own auth events are all indexed get theirs,
 * and a row names no more than those, so no ancestor is ever missing behind a row and the size follows from the events.
 */
export const authIndex = (db: Db, kind: Engine['kind']) => ({
  /** The next stretch of a room's index by position, in either direction from a position (exclusive); empty at its end. */
  async page(
    roomNid: number,
    { from, direction }: { from: number; direction: 'up' | 'down' },
  ): Promise<IndexedEvent[]> {
    const rows = (await db('events')
      .where({ room_nid: roomNid })
      .whereNotNull('auth')
      .where('position', direction === 'up' ? '>' : '<', from)
      .orderBy('position', direction === 'up' ? 'asc' : 'desc')
      .limit(rowsAtOnce(kind))
      .select(db.raw('coalesce(former_position, position) as nid'))
      .select('position', 'event_id', 'type', 'state_key', 'auth')) as Row[]
    return rows.map((row) => ({
      nid: Number(row.nid),
      position: Number(row.position),
      eventId: row.event_id,
      type: row.type,
      stateKey: row.state_key,
      auth: decodeAuth(row.auth),
    }))
  },
})
