import { authEventIds, type Pdu } from '../event.ts'
import type { EventId } from '../ids.ts'
import type { RoomVersion } from '../room-version.ts'

/** What a resolution may ask of the outside; all answers must be at hand, nothing is fetched. */
export type EventLookup = {
  event(id: EventId): Pdu | undefined
  /**
   * Whether the event failed the auth rules on receipt; such events are left out wherever they appear. Calling an event
   * rejected that cannot be had from anywhere ends the asking for it.
   */
  isRejected(id: EventId): boolean
  /** The auth events of an event that is not loaded, where an index knows them. */
  authEventsOf?(id: EventId): readonly EventId[] | undefined
}

/** The events of one resolution, without the rejected; remembers which were asked for in vain. */
export class KnownEvents {
  readonly missing = new Set<EventId>()
  readonly version: RoomVersion
  readonly #lookup: EventLookup
  readonly #authIds = new Map<EventId, readonly EventId[]>()

  constructor(version: RoomVersion, lookup: EventLookup) {
    this.version = version
    this.#lookup = lookup
  }

  get(id: EventId): Pdu | undefined {
    const event = this.#lookup.event(id)
    if (event === undefined) this.missing.add(id)
    return event
  }

  isRejected(id: EventId): boolean {
    return this.#lookup.isRejected(id)
  }

  /** The event's auth events that were not rejected; none while the event is missing. */
  authIds(id: EventId): readonly EventId[] {
    const known = this.#authIds.get(id)
    if (known !== undefined) return known
    const accepted = this.#allAuthIds(id)
    const authIds = accepted.some((auth) => this.isRejected(auth))
      ? accepted.filter((auth) => !this.isRejected(auth))
      : accepted
    this.#authIds.set(id, authIds)
    return authIds
  }

  /** Which of the event's auth events holds the place, counting the create event that a v12 room id implies. */
  authIdFor(id: EventId, type: string, key: string): EventId | undefined {
    const cited = this.authIds(id).find((auth) => {
      const event = this.get(auth)
      return event?.type === type && event.state_key === key
    })
    if (cited !== undefined || type !== 'm.room.create' || !this.version.roomIdIsCreateHash) return cited
    const roomId = this.get(id)?.room_id
    return roomId === undefined ? undefined : `$${roomId.slice(1)}`
  }

  #allAuthIds(id: EventId): readonly EventId[] {
    const indexed = this.#lookup.authEventsOf?.(id)
    if (indexed !== undefined) return indexed
    const event = this.get(id)
    return event === undefined ? [] : authEventIds(event, this.version)
  }
}
