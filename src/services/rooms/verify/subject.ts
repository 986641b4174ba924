import type { RoomId, ServerName } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { Store } from '#store/open.ts'
import type { CheckedTable, RowChange } from '#store/rooms/room-check.ts'
import type { PartialOutcome } from '#store/rooms/partial-rooms.ts'
import type { StoredRoom } from '#store/rooms/rooms.ts'
import type { EventCache } from './event-cache.ts'

/** The room under check. */
export type Subject = {
  store: Store
  room: StoredRoom
  roomId: RoomId
  version: RoomVersion
  /** Whose data this is; undefined where no server has started on it yet. */
  serverName: ServerName | undefined
  events: EventCache
  /** What joins that left members out came to. */
  partial: PartialOutcome
}

type Row = Record<string, unknown>

/** The change that brings a stored row to what it should be, if one is needed; only the expected columns are compared. */
export function difference(
  table: CheckedTable,
  key: Row,
  { stored, expected }: Omit<RowChange, 'table' | 'key'>,
): RowChange[] {
  if (!stored && !expected) return []
  const isSame = stored && expected && Object.keys(expected).every((name) => sameValue(stored[name], expected[name]))
  return isSame ? [] : [{ table, key, stored, expected }]
}

/** SQLite keeps truth values as numbers. */
const sameValue = (one: unknown, other: unknown): boolean =>
  one === other || (typeof other === 'boolean' && Boolean(one) === other)
