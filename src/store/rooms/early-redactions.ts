import type { EventId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'
import { statusCodes, toGraphEvent, type GraphRow, type GraphEvent } from './events.ts'

/** Redactions that were received before their target; a row is deleted with its redaction. */
export const earlyRedactions = (db: Db, kind: Engine['kind']) => ({
  /** The redactions that came before an event of a room, oldest first. */
  async listFor(targetId: EventId, roomNid: number): Promise<GraphEvent[]> {
    const rows = (await db('early_redactions as r')
      .join('events as e', 'e.position', 'r.position')
      .where({ 'r.target_id': targetId, 'r.room_nid': roomNid, 'e.status': statusCodes.accepted })
      .orderBy('r.position')
      .select('e.*')) as GraphRow[]
    return rows.map(toGraphEvent)
  },

  /** Which of these events, that may not have come yet, redactions were received for, of whatever room. */
  async targetsAmong(targetIds: readonly EventId[]): Promise<Set<EventId>> {
    const rows = (await db('early_redactions')
      .whereRaw(...inList(kind, 'target_id', targetIds))
      .select('target_id')) as { target_id: EventId }[]
    return new Set(rows.map((row) => row.target_id))
  },
})
