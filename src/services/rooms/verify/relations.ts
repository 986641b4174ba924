import { relationOf } from '#protocol/events/relation.ts'
import type { RowChange } from '#store/rooms/room-check.ts'
import type { CachedEvent } from './event-cache.ts'
import { difference, type Subject } from './subject.ts'

const table = 'relations'

/** Compares who relates to what with what the events say; what a redacted event said is not known any more. */
export async function checkRelations({ store, room }: Subject, page: readonly CachedEvent[]): Promise<RowChange[]> {
  const rows = await store.rooms.check.relations(page.map(({ event }) => event.position))
  const stored = Map.groupBy(rows, (row) => Number(row.position))
  return page.flatMap(({ event: { position, sender, status, redactedBy }, pdu }) => {
    const found = stored.get(position) ?? []
    const relation = redactedBy === null ? relationOf(pdu.content) : undefined
    const expected = relation && { rel_type: relation.relType, room_nid: room.nid, sender }
    const changes = found.flatMap((row) => {
      const key = { parent_id: row.parent_id, position }
      if (row.parent_id === relation?.parentId) return difference(table, key, { stored: row, expected })
      return redactedBy === null ? difference(table, key, { stored: row, expected: undefined }) : []
    })
    const isMissing = relation && !found.some((row) => row.parent_id === relation.parentId)
    if (!isMissing || status !== 'accepted') return changes
    return [...changes, { table, key: { parent_id: relation.parentId, position }, stored: undefined, expected }]
  })
}
