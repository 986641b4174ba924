import type { Pdu } from '#protocol/events/event.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { GraphEvent } from '#store/rooms/events.ts'
import type { Store } from '#store/open.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'

/** An event of the room with its PDU. */
export type CachedEvent = { event: GraphEvent; pdu: Pdu }

const maxKept = 5000

/** The events that the check looked at lately. */
export class EventCache {
  readonly #store: Store
  readonly #place: { roomId: RoomId; version: RoomVersion; nid: number }
  readonly #byPosition = new Map<number, CachedEvent>()
  readonly #byId = new Map<EventId, CachedEvent>()

  constructor(store: Store, place: { roomId: RoomId; version: RoomVersion; nid: number }) {
    this.#store = store
    this.#place = place
  }

  put(event: GraphEvent): CachedEvent {
    const cached = { event, pdu: storedPdu(event, this.#place) }
    this.#byPosition.set(event.position, cached)
    this.#byId.set(event.eventId, cached)
    if (this.#byPosition.size > maxKept) this.#dropOldest()
    return cached
  }

  /** Undefined where the room has no event there. */
  async at(position: number): Promise<CachedEvent | undefined> {
    const known = this.#byPosition.get(position)
    if (known) return known
    const [event] = await this.#store.rooms.events.atPositions([position])
    return event?.roomNid === this.#place.nid ? this.put(event) : undefined
  }

  /** Those of the events that the room has. */
  async find(ids: readonly EventId[]): Promise<CachedEvent[]> {
    const known = ids.flatMap((id) => this.#byId.get(id) ?? [])
    const missing = ids.filter((id) => !this.#byId.has(id))
    const read = await this.#store.rooms.events.findMany(missing)
    return [...known, ...read.filter(({ roomNid }) => roomNid === this.#place.nid).map((event) => this.put(event))]
  }

  #dropOldest(): void {
    const [oldest] = this.#byPosition
    if (!oldest) return
    this.#byPosition.delete(oldest[0])
    this.#byId.delete(oldest[1].event.eventId)
  }
}
