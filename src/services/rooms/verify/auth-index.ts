import type { EventId } from '#protocol/ids.ts'
import type { RowChange } from '#store/rooms/room-check.ts'
import { authEventIdsWithCreate } from '#services/rooms/events/describe-event.ts'
import type { CachedEvent } from './event-cache.ts'
import type { Subject } from './subject.ts'

/** Compares the index over auth chains with what the events cite. */
export class AuthIndexCheck {
  readonly #subject: Subject
  /** Positions of events that are not in the index but should be. */
  readonly #planned = new Set<number>()

  constructor(subject: Subject) {
    this.#subject = subject
  }

  async check(page: readonly CachedEvent[]): Promise<RowChange[]> {
    const { store, version } = this.#subject
    const cited = page.map((cached) =>
      cached.event.stateKey === null || cached.event.status === 'rejected'
        ? undefined
        : authEventIdsWithCreate(cached.pdu, version),
    )
    const places = await store.rooms.check.positionsOf([...new Set(cited.flatMap((ids) => ids ?? []))])
    const own = page.map(({ event }) => event.position)
    const rows = await store.rooms.check.authRows([...new Set([...places.values(), ...own])])
    const stored = new Map(rows.map((row) => [row.position, row]))
    const numberOf = (id: EventId): number | undefined => {
      const row = stored.get(places.get(id) ?? 0)
      return row && (row.auth || this.#planned.has(row.position)) ? row.nid : undefined
    }
    return page.flatMap(({ event: { eventId, position, status } }, index) => {
      const auth = stored.get(position)?.auth
      const numbers = cited[index]?.map(numberOf).filter((number) => number !== undefined)
      const isWhole = numbers?.length === cited[index]?.length
      const expected = isWhole ? numbers?.toSorted((a, b) => a - b) : undefined
      if (auth?.join() === expected?.join()) return []
      // Of others than accepted events the index may know nothing.
      if (!auth && status !== 'accepted') return []
      if (!auth) this.#planned.add(position)
      return store.rooms.check.authChange(eventId, auth, expected)
    })
  }
}
