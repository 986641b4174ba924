import type { RowChange } from '#store/rooms/room-check.ts'
import type { Subject } from './subject.ts'

/** Rows that belong to events which do not exist. */
export async function checkOrphans({ store, room }: Subject): Promise<RowChange[]> {
  const orphans = await store.rooms.check.orphans(room.nid)
  return orphans.map(({ table, row }) => ({ table, key: row, stored: row, expected: undefined }))
}
