import type { RoomId, UserId } from '#protocol/ids.ts'
import { shownColumns, toStoredEvent, type EventRow, type StoredEvent } from '#store/rooms/events.ts'
import type { Db } from '#store/engine/db.ts'

/** What the streams hold for those who follow them; of what was replaced since, only the newest. */
export type StreamEntries = Readonly<{
  /** Of whatever status, without outliers. */
  events: StoredEvent
  receipts: { position: number; roomId: RoomId; userId: UserId; type: string; threadId: string }
  account_data: { position: number; userId: UserId; roomId: RoomId | ''; type: string }
  to_device: { position: number; userId: UserId; deviceId: string }
  /** Device '': the cross-signing keys. Observer '': all users who share a room. */
  device_lists: { position: number; userId: UserId; deviceId: string; observerId: UserId | '' }
}>

export type FollowedStream = keyof StreamEntries

/** After one position and up to another, which must be in the past. */
export type StreamSpan = Readonly<{ after: number; upTo: number; limit: number }>

type Row = Record<string, string | number>

/** The table of each stream, and the columns that order entries of one position. */
const tables: Readonly<Record<FollowedStream, readonly [table: string, ...order: string[]]>> = {
  events: ['events'],
  receipts: ['receipts', 'room_id', 'user_id', 'type', 'thread_id'],
  account_data: ['account_data', 'user_id', 'room_id', 'type'],
  to_device: ['to_device_messages', 'user_id', 'device_id'],
  device_lists: ['device_list_changes', 'user_id', 'device_id', 'observer_id'],
}

const text = (row: Row, column: string) => row[column] as string
const ofUser = (row: Row) => ({ position: Number(row.position), userId: text(row, 'user_id') as UserId })

const readers: { [Stream in FollowedStream]: (row: Row) => StreamEntries[Stream] } = {
  events: (row) => toStoredEvent(row as unknown as EventRow),
  receipts: (row) => ({
    ...ofUser(row),
    roomId: text(row, 'room_id') as RoomId,
    type: text(row, 'type'),
    threadId: text(row, 'thread_id'),
  }),
  account_data: (row) => ({ ...ofUser(row), roomId: text(row, 'room_id') as RoomId | '', type: text(row, 'type') }),
  to_device: (row) => ({ ...ofUser(row), deviceId: text(row, 'device_id') }),
  device_lists: (row) => ({
    ...ofUser(row),
    deviceId: text(row, 'device_id'),
    observerId: text(row, 'observer_id') as UserId | '',
  }),
}

/** The streams in the order of their positions, for all users. */
export const streamReads = (db: Db) => ({
  /**
   * The entries of an interval, the oldest first, and the position up to which they are complete. Entries of one
   * position stay together, so there may be more of them than the limit.
   */
  async read<Stream extends FollowedStream>(
    stream: Stream,
    { after, upTo, limit }: StreamSpan,
  ): Promise<{ entries: StreamEntries[Stream][]; upTo: number }> {
    const [table, ...order] = tables[stream]
    const between = (from: number, to: number) =>
      db(table)
        .select(stream === 'events' ? [...shownColumns] : '*')
        .where('position', '>', from)
        .where('position', '<=', to)
        .orderBy(['position', ...order])
    const rows = (await between(after, upTo).limit(limit + 1)) as Row[]
    const cut = rows.length > limit ? Number(rows.at(-1)?.position) : undefined
    if (cut === undefined) return { entries: rows.map(readers[stream]), upTo }
    const whole = rows.filter(({ position }) => Number(position) < cut)
    if (whole.length > 0) return { entries: whole.map(readers[stream]), upTo: Number(whole.at(-1)?.position) }
    const group = (await between(cut - 1, cut)) as Row[]
    return { entries: group.map(readers[stream]), upTo: cut }
  },
})
