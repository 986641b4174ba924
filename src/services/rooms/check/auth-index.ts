import type { EventId } from '#protocol/ids.ts'
import type { RowChange } from '#store/room-check.ts'
import { indexedAuthIds } from '../indexed-auth-ids.ts'
import type { Shelved } from './event-shelf.ts'
import { difference, type Subject } from './subject.ts'

const table = 'auth_index'

/** Compares the index over auth chains with what the events cite. */
export class AuthIndexCheck {
  readonly #subject: Subject
  /** Numbers of events that are not in the index but should be. */
  readonly #planned = new Map<number, number>()

  constructor(subject: Subject) {
    this.#subject = subject
  }

  async check(page: readonly Shelved[]): Promise<RowChange[]> {
    const { store, room, version } = this.#subject
    const cited = page.map((shelved) =>
      shelved.event.stateKey === null || shelved.event.status === 'rejected'
        ? undefined
        : indexedAuthIds(shelved.pdu, version),
    )
    const places = await store.roomCheck.positionsOf([...new Set(cited.flatMap((ids) => ids ?? []))])
    const own = page.map(({ event }) => event.position)
    const rows = await store.roomCheck.authRows([...new Set([...places.values(), ...own])])
    const stored = new Map(rows.map((row) => [row.position, row]))
    const numberOf = (id: EventId): number | undefined => {
      const position = places.get(id)
      return position === undefined ? undefined : (stored.get(position)?.nid ?? this.#planned.get(position))
    }
    return page.flatMap(({ event: { position, status } }, index) => {
      const row = stored.get(position)
      const numbers = cited[index]?.map(numberOf)
      const expected = numbers && !numbers.includes(undefined) ? { auth: JSON.stringify(numbers) } : undefined
      // Of others than accepted events the index may know nothing.
      if (!row && (status !== 'accepted' || !expected)) return []
      if (!row) this.#planned.set(position, position)
      return difference(table, { room_nid: room.nid, nid: row?.nid ?? position }, { stored: row, expected })
    })
  }
}
