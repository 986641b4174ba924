import { setImmediate as nextTurn } from 'node:timers/promises'
import { CacheBudget, type Cache } from '#base/cache.ts'
import { notFound } from '#base/errors.ts'
import { KeyedQueue } from '#base/keyed-queue.ts'
import type { Store } from '#store/open.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { readLiveRooms } from './read-live-rooms.ts'
import type { LiveRoom } from './live-room.ts'
import { RoomTurn, type TurnRooms } from './room-turn.ts'
import type { RoomId } from '#protocol/ids.ts'
import { inSlices, inSlicesWithPauses } from '#base/in-slices.ts'

const roomsAtOnce = 20
/** What a room is taken to need before it is read, where those in memory do not need more. */
const expectedBytes = 20_000
/** So many rooms are taken in whatever they push out. */
const fewRooms = 5

/** A room, or the reading of it. */
type Kept = {
  loading: Promise<LiveRoom | undefined>
  room: LiveRoom | undefined
  weighed: number
  recentWeighed: number
}

/** A room is not weighed anew for less. */
const littleBytes = 4096

/**
 * The rooms this process has in memory: the least recently used are dropped, the store can always rebuild them. Their
 * recent events are weighed apart, so that a room that is used little gives up its events before its state.
 */
export class LiveRooms {
  readonly #store: Store
  readonly #source: Parameters<typeof readLiveRooms>[0]
  readonly #queue = new KeyedQueue()
  readonly #rooms: Cache<RoomId, Kept>
  readonly #recent: Cache<RoomId, LiveRoom>
  /** What only a room's turn may do. */
  readonly #turnRooms: TurnRooms

  constructor(store: Store, serverName: string, caches = new CacheBudget(Infinity)) {
    this.#store = store
    this.#source = { store, serverName }
    this.#rooms = caches.cache({
      name: 'rooms',
      share: 40,
      weigh: ({ room }) => room?.weight ?? 0,
      // A busy room must stay: its commits belong to it, and so do those of whoever builds on it now.
      mayEvict: ({ room }, roomId) => room?.pendingWrites === 0 && !this.#queue.isBusy(roomId),
      onEvict: (_room, roomId) => this.#recent.delete(roomId),
    })
    this.#recent = caches.cache({
      name: 'room_events',
      share: 30,
      weigh: ({ recentWeight }) => recentWeight,
      onEvict: (room) => room.dropRecent(),
    })
    this.#turnRooms = {
      find: (roomId) => this.find(roomId),
      findStored: (roomId) => this.findStored(roomId),
      add: (room) => this.add(room),
      peek: (roomId) => this.#rooms.peek(roomId)?.room,
      remove: (roomId) => this.#remove(roomId),
    }
  }

  /** Runs work on one room strictly after the turns that came before: one event is built after the other. */
  inTurn<T>(roomId: RoomId, work: (turn: RoomTurn) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    void this.#queue.run(
      roomId,
      () =>
        new Promise<void>((end) => {
          work(new RoomTurn(this.#turnRooms, roomId, end))
            .then(resolve, reject)
            .finally(end)
        }),
    )
    return promise
  }

  /** A room that this server knows: a placeholder it does not know yet. */
  async find(roomId: RoomId): Promise<LiveRoom | undefined> {
    const room = await this.findStored(roomId)
    return room?.isPlaceholder ? undefined : room
  }

  /** The same, placeholders included: for those who take in events of other servers. */
  async findStored(roomId: RoomId): Promise<LiveRoom | undefined> {
    const known = this.#rooms.get(roomId)
    const room = await (known?.loading ?? this.#load(roomId))
    if (room?.isBroken) {
      if (this.#rooms.peek(roomId) === known) this.#remove(roomId)
      return this.findStored(roomId)
    }
    this.#touch(roomId)
    return room
  }

  /** As `find`, for callers to whom an unknown room is an error. */
  async get(roomId: RoomId): Promise<LiveRoom> {
    const room = await this.find(roomId)
    if (!room) throw notFound('The room is not known')
    return room
  }

  /** The room if it is in memory; asking changes nothing. */
  peek(roomId: RoomId): LiveRoom | undefined {
    const room = this.#rooms.peek(roomId)?.room
    return room?.isBroken ? undefined : room
  }

  /** Several rooms, in the same order. */
  async findAll(roomIds: readonly RoomId[]): Promise<(LiveRoom | undefined)[]> {
    const unread = [...new Set(roomIds)].filter((roomId) => !this.#rooms.has(roomId))
    if (unread.length > 1) this.#loadAll(unread)
    return Promise.all(roomIds.map((roomId) => this.find(roomId)))
  }

  /**
   * The same for an answer that speaks of many rooms: where they would push other rooms out of memory, and not only
   * events and what else there is too much of, those that are not in it are read for this answer alone. They must not be
   * written to.
   */
  async findToRead(roomIds: readonly RoomId[]): Promise<(LiveRoom | undefined)[]> {
    const unread = [...new Set(roomIds)].filter((roomId) => !this.#rooms.has(roomId))
    const expected = Math.max(expectedBytes, this.#rooms.bytes / Math.max(1, this.#rooms.size))
    if (unread.length <= fewRooms || unread.length * expected <= this.#rooms.spare) return this.findAll(roomIds)
    const apart = new Map<RoomId, LiveRoom>()
    for await (const slice of inSlicesWithPauses(unread, roomsAtOnce))
      for (const [roomId, room] of await readLiveRooms(this.#source, slice)) apart.set(roomId, room)
    const shown = (room: LiveRoom) => (room.isPlaceholder ? undefined : room)
    return Promise.all(
      roomIds.map((roomId) => {
        const room = apart.get(roomId)
        return room ? shown(room) : this.find(roomId)
      }),
    )
  }

  /** Reads the newest events of rooms that have none in memory, in one query for all of them. */
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
      // What was read may have been redacted meanwhile; such a room is read when it is needed.
      if (room.lastPosition !== readAt.get(nid)) continue
      const events = found.get(nid) ?? []
      room.prefill(events, events.length < limit ? 0 : (events[0]?.position ?? 1) - 1)
      this.#touch(room.roomId)
    }
  }

  /** Takes in a room that was just created. */
  add(room: LiveRoom): void {
    this.#rooms.set(room.roomId, { loading: Promise.resolve(room), room, weighed: room.weight, recentWeighed: 0 })
    this.#touch(room.roomId)
  }

  /** Lets a room be read anew, in its turn. */
  drop(roomId: RoomId): Promise<void> {
    return this.inTurn(roomId, (turn) => turn.drop())
  }

  #remove(roomId: RoomId): void {
    this.#rooms.delete(roomId)
    this.#recent.delete(roomId)
  }

  /** The room is in use: it is weighed where it has grown. */
  #touch(roomId: RoomId): void {
    const kept = this.#rooms.get(roomId)
    if (!kept?.room) return
    const { room } = kept
    if (Math.abs(room.weight - kept.weighed) > littleBytes) {
      kept.weighed = room.weight
      this.#rooms.reweigh(roomId)
    }
    if (room.recent.length === 0) return
    if (this.#recent.get(roomId) && Math.abs(room.recentWeight - kept.recentWeighed) < littleBytes) return
    kept.recentWeighed = room.recentWeight
    this.#recent.set(roomId, room)
  }

  #load(roomId: RoomId): Promise<LiveRoom | undefined> {
    return this.#keep(roomId, readLiveRooms(this.#source, [roomId]))
  }

  /** A few rooms at a time: what many large rooms hold must not be read in one go. */
  #loadAll(roomIds: readonly RoomId[]): void {
    let last: Promise<unknown> = Promise.resolve()
    for (const slice of inSlices(roomIds, roomsAtOnce)) {
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
        if (this.#rooms.peek(roomId) !== kept) return room
        if (room) {
          this.#rooms.set(roomId, Object.assign(kept, { room, weighed: room.weight }))
        } else this.#rooms.delete(roomId)
        return room
      },
      (error: unknown) => {
        if (this.#rooms.peek(roomId) === kept) this.#rooms.delete(roomId)
        throw error
      },
    )
    const kept: Kept = { loading, room: undefined, weighed: 0, recentWeighed: 0 }
    this.#rooms.set(roomId, kept)
    return loading
  }
}
