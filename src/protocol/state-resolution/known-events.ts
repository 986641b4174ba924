import { authEventIds, type Pdu } from '#protocol/events/event.ts'
import type { EventId } from '../ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { stateKey, type StateKey } from './state-map.ts'

/** What a resolution may ask of the outside; all answers must be at hand, nothing is fetched. */
export type EventLookup = {
  event(id: EventId): Pdu | undefined
  /**
   * Whether the event failed the auth rules on receipt; such events are left out wherever they appear. Calling an event
   * rejected that cannot be had from anywhere ends the asking for it.
   *
   * NOTSPEC: "Rejected events" (rooms/v2) would let those return that failed by the state before them only. The servers
   * in use keep them out, and what was once refused had better stay so.
   */
  isRejected(id: EventId): boolean
  /**
   * The auth events of an event that is not loaded, where an index knows them; with the create event also where the
   * room id implies it.
   */
  authEventsOf?(id: EventId): readonly EventId[] | undefined
  /** The place that a state event takes, where an index knows it: long chains of power levels need not be loaded. */
  placeOf?(id: EventId): StateKey | undefined
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

  /** The event's auth events that were not rejected, the implied create event among them; none while it is missing. */
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

  /** Which of the event's auth events holds the place. */
  authIdFor(id: EventId, type: string, key: string): EventId | undefined {
    return this.authIds(id).find((auth) => {
      const place = this.#lookup.placeOf?.(auth)
      if (place !== undefined) return place === stateKey(type, key)
      const event = this.get(auth)
      return event?.type === type && event.state_key === key
    })
  }

  #allAuthIds(id: EventId): readonly EventId[] {
    const indexed = this.#lookup.authEventsOf?.(id)
    if (indexed !== undefined) return indexed
    const event = this.get(id)
    if (event === undefined) return []
    const cited = authEventIds(event, this.version)
    // From room version 12 the room id stands for the create event among the auth events (rooms/v12, rule 2).
    return this.version.roomIdIsCreateHash && event.room_id ? [`$${event.room_id.slice(1)}`, ...cited] : cited
  }
}
