import type { EventId } from '#protocol/ids.ts'
import type { Store } from '#store/open.ts'
import type { RowChange } from '#store/rooms/room-check.ts'
import type { CachedEvent } from './event-cache.ts'
import { difference, type Subject } from './subject.ts'

type Row = Record<string, unknown>

/** Compares the transactions of some events with the events that they made. */
export async function checkTransactions({ store }: Subject, page: readonly CachedEvent[]): Promise<RowChange[]> {
  const rows = await store.rooms.check.transactions(page.map(({ event }) => event.position))
  const made = new Map(page.map(({ event }) => [event.position, event.eventId]))
  return pointAgain(
    store,
    rows.filter((row) => made.get(Number(row.position)) !== row.event_id),
  )
}

/** Transactions, of any room, that point to where no event is. */
export async function checkLostTransactions(store: Store): Promise<RowChange[]> {
  return pointAgain(store, await store.rooms.check.lostTransactions())
}

async function pointAgain(store: Store, rows: readonly Row[]): Promise<RowChange[]> {
  const positions = await store.rooms.check.positionsOf(rows.map(({ event_id }) => event_id as EventId))
  return rows.flatMap((stored) => {
    const { user_id, device_id, scope, transaction_id } = stored
    const position = positions.get(stored.event_id as EventId)
    const expected = position === undefined ? undefined : { position }
    return difference('event_transactions', { user_id, device_id, scope, transaction_id }, { stored, expected })
  })
}
