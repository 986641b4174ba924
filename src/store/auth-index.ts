import type { EventId } from '#protocol/ids.ts'
import type { Db } from './db.ts'

/** A state event that the rules allowed, and the numbers of the events that entitled its sender. */
export type IndexedEvent = { nid: number; eventId: EventId; type: string; stateKey: string; auth: number[] }

type Row = { nid: number; event_id: EventId; type: string; state_key: string; auth: string }

/**
 * What rests on what, one row for each state event. Only events whose own auth events all stand in the index enter it,
 * and a row names no more than those, so no ancestor is ever missing behind a row and the size follows from the events.
 */
export const authIndex = (db: Db) => ({
  /** A stretch of a room's index by number, in either direction from a number (exclusive). */
  async page(
    roomNid: number,
    { from, direction, limit }: { from: number; direction: 'up' | 'down'; limit: number },
  ): Promise<IndexedEvent[]> {
    const rows = (await db('auth_index as a')
      .join('events as e', 'e.position', db.raw('coalesce(a.position, a.nid)'))
      .where('a.room_nid', roomNid)
      .where('a.nid', direction === 'up' ? '>' : '<', from)
      .orderBy('a.nid', direction === 'up' ? 'asc' : 'desc')
      .limit(limit)
      .select('a.nid', 'e.event_id', 'e.type', 'e.state_key', 'a.auth')) as Row[]
    return rows.map((row) => ({
      nid: Number(row.nid),
      eventId: row.event_id,
      type: row.type,
      stateKey: row.state_key,
      auth: JSON.parse(row.auth) as number[],
    }))
  },
})
