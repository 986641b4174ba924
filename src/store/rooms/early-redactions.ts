import type { EventId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import { statusCodes, toGraphEvent, type GraphRow, type GraphEvent } from './events.ts'

/** Redactions that were received before their target; a row is deleted with its redaction. */
export const earlyRedactions = (db: Db) => ({
  /** The redactions that came before an event of a room, oldest first. */
  async listFor(targetId: EventId, roomNid: number): Promise<GraphEvent[]> {
    const rows = (await db('early_redactions as r')
      .join('events as e', 'e.position', 'r.position')
      .where({ 'r.target_id': targetId, 'r.room_nid': roomNid, 'e.status': statusCodes.accepted })
      .orderBy('r.position')
      .select('e.*')) as GraphRow[]
    return rows.map(toGraphEvent)
  },
})
