import type { Cache, CacheBudget } from '#base/cache.ts'
import { gather } from '#base/gather.ts'
import { recentMap } from '#base/recent-map.ts'
import type { Context } from '#context.ts'
import { canonicalJson } from '#protocol/json/canonical-json.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import { roomVersion, type RoomVersion } from '#protocol/rooms/room-version.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'

/** An event as other servers get it, as canonical JSON. */
export type OutgoingPdu = { eventId: EventId; json: string; bytes: number }

type Room = { roomId: RoomId; version: RoomVersion }

/** Rooms whose name and version are remembered. */
const maxRooms = 10_000
/** Events read in one statement. */
const maxRead = 500

/** Events by position as they are sent, read once for all servers that get them. */
export class OutgoingPdus {
  readonly #store: Context['store']
  readonly #cache: Cache<number, OutgoingPdu>
  readonly #rooms = recentMap<number, Room>(maxRooms)
  readonly #read: (position: number) => Promise<OutgoingPdu | undefined>

  constructor(store: Context['store'], caches: CacheBudget) {
    this.#store = store
    this.#cache = caches.cache({ name: 'outgoing_events', share: 5, weigh: ({ bytes }) => 2 * bytes })
    this.#read = gather(maxRead, (positions) => this.#readAll(positions))
  }

  /** In the order asked for; undefined for what does not exist any more. */
  async find(positions: readonly number[]): Promise<(OutgoingPdu | undefined)[]> {
    return Promise.all(positions.map((position) => this.#cache.get(position) ?? this.#read(position)))
  }

  /** Events changed, as redactions change them. */
  forget(): void {
    this.#cache.clear()
  }

  async room(nid: number): Promise<Room | undefined> {
    const known = this.#rooms.get(nid)
    if (known) return known
    const stored = await this.#store.rooms.rooms.findByNid(nid)
    const version = stored && roomVersion(stored.version)
    if (!stored || !version) return undefined
    const room = { roomId: stored.roomId, version }
    this.#rooms.set(nid, room)
    return room
  }

  async #readAll(positions: readonly number[]): Promise<(OutgoingPdu | undefined)[]> {
    const found = new Map<number, OutgoingPdu>()
    for (const event of await this.#store.rooms.events.atPositions([...new Set(positions)])) {
      const room = await this.room(event.roomNid)
      if (!room) continue
      const json = canonicalJson(storedPdu(event, room), 'lenient')
      const outgoing = { eventId: event.eventId, json, bytes: Buffer.byteLength(json) }
      found.set(event.position, outgoing)
      this.#cache.set(event.position, outgoing)
    }
    return positions.map((position) => found.get(position))
  }
}
