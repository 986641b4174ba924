import { setImmediate as nextTurn } from 'node:timers/promises'
import { notFound } from '#base/errors.ts'
import { KeyedQueue } from '#base/keyed-queue.ts'
import type { Store } from '#store/open.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { readLiveRooms } from './read-live-rooms.ts'
import { isBare, type LiveRoom } from './live-room.ts'
import type { RoomId } from '#protocol/ids.ts'

const roomsAtOnce = 20
const maxLines = 2000
const maxHolders = 1_000_000

/** The rooms this process has in memory: the least recently used are dropped, the store can always rebuild them. */
export class LiveRooms {
  readonly #store: Store
  readonly #source: Parameters<typeof readLiveRooms>[0]
  readonly #queue = new KeyedQueue()
  readonly #lines = new Map<RoomId, Promise<LiveRoom | undefined>>()
  readonly #sizes = new Map<RoomId, number>()
  #holders = 0

  constructor(store: Store, serverName: string) {
    this.#store = store
    this.#source = { store, serverName }
  }

  /** Runs work on one room strictly after the work that came before: events are built in turn. */
  inTurn<T>(roomId: RoomId, work: () => Promise<T>): Promise<T> {
    return this.#queue.run(roomId, work)
  }

  /** The line of a room that this server knows: a bare one it does not know yet. */
  async find(roomId: RoomId): Promise<LiveRoom | undefined> {
    const room = await this.findStored(roomId)
    return room && isBare(room) ? undefined : room
  }

  /** The same, also of a bare room: for those who take in events of other servers. */
  async findStored(roomId: RoomId): Promise<LiveRoom | undefined> {
    const known = this.#lines.get(roomId)
    const room = await (known ?? this.#load(roomId))
    if (room?.isBroken) {
      if (this.#lines.get(roomId) === known) this.drop(roomId)
      return this.findStored(roomId)
    }
    if (room) this.#touch(roomId)
    return room
  }

  /** As `find`, for callers to whom an unknown room is an error. */
  async get(roomId: RoomId): Promise<LiveRoom> {
    const room = await this.find(roomId)
    if (!room) throw notFound('The room is not known')
    return room
  }

  /** The lines of several rooms, in the same order. */
  async findAll(roomIds: readonly RoomId[]): Promise<(LiveRoom | undefined)[]> {
    const unread = [...new Set(roomIds)].filter((roomId) => !this.#lines.has(roomId))
    if (unread.length > 1) this.#loadAll(unread)
    return Promise.all(roomIds.map((roomId) => this.find(roomId)))
  }

  /** Reads the newest events of lines that have none in memory, in one query for all of them. */
  async warm(liveRooms: readonly LiveRoom[], limit: number): Promise<void> {
    const cold = new Map(
      liveRooms
        .filter(({ recent }) => recent.length < limit)
        .flatMap((room) => (room.nid !== undefined && room.recentFrom > 0 ? [[room.nid, room]] : [])),
    )
    if (cold.size === 0) return
    const upTo = this.#store.eventWriter.position()
    const readAt = new Map([...cold].map(([nid, { lastPosition }]) => [nid, lastPosition]))
    const found = new Map<number, StoredEvent[]>()
    for (const event of await this.#store.rooms.events.recent([...cold.keys()], { after: 0, upTo, limit })) {
      const ofRoom = found.get(event.roomNid)
      if (ofRoom) ofRoom.push(event)
      else found.set(event.roomNid, [event])
    }
    for (const [nid, room] of cold) {
      // What was read may have been redacted meanwhile; such a line is read when it is needed.
      if (room.lastPosition !== readAt.get(nid)) continue
      const events = found.get(nid) ?? []
      room.prefill(events, events.length < limit ? 0 : (events[0]?.position ?? 1) - 1)
    }
  }

  /** Takes in a room that was just created. */
  add(room: LiveRoom): void {
    this.#lines.set(room.roomId, Promise.resolve(room))
    this.#resize(room.roomId, room.state.size)
  }

  drop(roomId: RoomId): void {
    this.#lines.delete(roomId)
    this.#resize(roomId, 0)
  }

  #touch(roomId: RoomId): void {
    const room = this.#lines.get(roomId)
    if (!room) return
    this.#lines.delete(roomId)
    this.#lines.set(roomId, room)
  }

  #load(roomId: RoomId): Promise<LiveRoom | undefined> {
    return this.#keep(roomId, readLiveRooms(this.#source, [roomId]))
  }

  /** A few rooms at a time: what many large rooms hold must not be read in one go. */
  #loadAll(roomIds: readonly RoomId[]): void {
    let last: Promise<unknown> = Promise.resolve()
    for (let start = 0; start < roomIds.length; start += roomsAtOnce) {
      const slice = roomIds.slice(start, start + roomsAtOnce)
      const reading = last.then(() => readLiveRooms(this.#source, slice))
      last = reading.then(
        () => nextTurn(),
        () => {},
      )
      for (const roomId of slice) void this.#keep(roomId, reading).catch(() => {})
    }
  }

  #keep(roomId: RoomId, reading: Promise<ReadonlyMap<RoomId, LiveRoom>>): Promise<LiveRoom | undefined> {
    const loading: Promise<LiveRoom | undefined> = reading.then(
      (liveRooms) => {
        const room = liveRooms.get(roomId)
        if (this.#lines.get(roomId) !== loading) return room
        if (room) this.#resize(roomId, room.state.size)
        else this.#lines.delete(roomId)
        return room
      },
      (error: unknown) => {
        if (this.#lines.get(roomId) === loading) this.#lines.delete(roomId)
        throw error
      },
    )
    this.#lines.set(roomId, loading)
    return loading
  }

  /** A busy line must stay: its commits belong to it, and so do those of whoever builds on it now. */
  async #evict(except: RoomId): Promise<void> {
    for (const [roomId, loading] of [...this.#lines]) {
      if (this.#lines.size <= maxLines && this.#holders <= maxHolders) return
      const room = await loading.catch(() => undefined)
      const isIdle = room?.pendingWrites === 0 && !this.#queue.isBusy(roomId)
      if (roomId !== except && isIdle && this.#lines.get(roomId) === loading) this.drop(roomId)
    }
  }

  #resize(roomId: RoomId, size: number): void {
    this.#holders += size - (this.#sizes.get(roomId) ?? 0)
    if (size > 0) this.#sizes.set(roomId, size)
    else this.#sizes.delete(roomId)
    if (this.#lines.size > maxLines || this.#holders > maxHolders) void this.#evict(roomId)
  }
}
