import { notFound } from '#base/errors.ts'
import { KeyedQueue } from '#base/keyed-queue.ts'
import { roomVersion } from '#protocol/room-version.ts'
import type { RoomId } from '#protocol/ids.ts'
import type { Membership } from '#store/members.ts'
import type { Store } from '#store/open.ts'
import type { StoredEvent } from '#store/events.ts'
import type { StoredRoom } from '#store/rooms.ts'
import { RoomLine } from './room-line.ts'

const allMemberships: readonly Membership[] = ['join', 'invite', 'knock', 'leave', 'ban']
const maxLines = 2000
const maxHolders = 1_000_000

/** The rooms this process has in memory: the least recently used are dropped, the store can always rebuild them. */
export class RoomLines {
  readonly #store: Store
  readonly #serverName: string
  readonly #queue = new KeyedQueue()
  readonly #lines = new Map<string, Promise<RoomLine | undefined>>()
  readonly #sizes = new Map<string, number>()
  #holders = 0

  constructor(store: Store, serverName: string) {
    this.#store = store
    this.#serverName = serverName
  }

  /** Runs work on one room strictly after the work that came before: events are built in turn. */
  inTurn<T>(roomId: string, work: () => Promise<T>): Promise<T> {
    return this.#queue.run(roomId, work)
  }

  /** The line of a room that this server knows. */
  async find(roomId: string): Promise<RoomLine | undefined> {
    const known = this.#lines.get(roomId)
    const line = await (known ?? this.#load(roomId))
    if (line?.isBroken) {
      if (this.#lines.get(roomId) === known) this.drop(roomId)
      return this.find(roomId)
    }
    if (line) this.#touch(roomId)
    return line
  }

  /** As `find`, for callers to whom an unknown room is an error. */
  async get(roomId: string): Promise<RoomLine> {
    const line = await this.find(roomId)
    if (!line) throw notFound('The room is not known')
    return line
  }

  /** The lines of several rooms, in the same order. */
  async findAll(roomIds: readonly string[]): Promise<(RoomLine | undefined)[]> {
    return Promise.all(roomIds.map((roomId) => this.find(roomId)))
  }

  /** Reads the newest events of lines that have none in memory, in one query for all of them. */
  async warm(lines: readonly RoomLine[], limit: number): Promise<void> {
    const cold = new Map(
      lines
        .filter(({ recent }) => recent.length < limit)
        .flatMap((line) => (line.nid !== undefined && line.recentFrom > 0 ? [[line.nid, line]] : [])),
    )
    if (cold.size === 0) return
    const upTo = this.#store.eventWriter.position()
    const found = new Map<number, StoredEvent[]>()
    for (const event of await this.#store.events.recent([...cold.keys()], { after: 0, upTo, limit })) {
      const ofRoom = found.get(event.roomNid)
      if (ofRoom) ofRoom.push(event)
      else found.set(event.roomNid, [event])
    }
    for (const [nid, line] of cold) {
      const events = found.get(nid) ?? []
      line.prefill(events, events.length < limit ? 0 : (events[0]?.position ?? 1) - 1)
    }
  }

  /** Takes in a room that was just created. */
  add(line: RoomLine): void {
    this.#lines.set(line.roomId, Promise.resolve(line))
    this.#resize(line.roomId, line.state.size)
  }

  drop(roomId: string): void {
    this.#lines.delete(roomId)
    this.#resize(roomId, 0)
  }

  #touch(roomId: string): void {
    const line = this.#lines.get(roomId)
    if (!line) return
    this.#lines.delete(roomId)
    this.#lines.set(roomId, line)
  }

  #load(roomId: string): Promise<RoomLine | undefined> {
    const loading = this.#read(roomId).then(
      (line) => {
        if (line) this.#resize(roomId, line.state.size)
        else this.#lines.delete(roomId)
        return line
      },
      (error: unknown) => {
        this.#lines.delete(roomId)
        throw error
      },
    )
    this.#lines.set(roomId, loading)
    return loading
  }

  async #read(roomId: string): Promise<RoomLine | undefined> {
    const room = await this.#store.rooms.find(roomId)
    if (!room) return undefined
    for (;;) {
      const [holders, members] = await Promise.all([
        this.#store.roomState.currentHolders(room.nid),
        this.#store.members.listUsers(room.nid, allMemberships),
      ])
      // Read twice when an event came between: the parts must be of one moment.
      const now = await this.#store.rooms.findByNid(room.nid)
      if (now?.lineVersion === room.lineVersion) return lineOf(room, { holders, members, serverName: this.#serverName })
      Object.assign(room, now)
    }
  }

  /** A busy line must stay: its commits belong to it. */
  async #evict(except: string): Promise<void> {
    for (const [roomId, loading] of [...this.#lines]) {
      if (this.#lines.size <= maxLines && this.#holders <= maxHolders) return
      const line = await loading.catch(() => undefined)
      if (roomId !== except && line?.inFlight === 0 && this.#lines.get(roomId) === loading) this.drop(roomId)
    }
  }

  #resize(roomId: string, size: number): void {
    this.#holders += size - (this.#sizes.get(roomId) ?? 0)
    if (size > 0) this.#sizes.set(roomId, size)
    else this.#sizes.delete(roomId)
    if (this.#lines.size > maxLines || this.#holders > maxHolders) void this.#evict(roomId)
  }
}

type Holders = Awaited<ReturnType<Store['roomState']['currentHolders']>>
type Members = Awaited<ReturnType<Store['members']['listUsers']>>
type LineParts = { holders: Holders; members: Members; serverName: string }

function lineOf(room: StoredRoom, { holders, members, serverName }: LineParts): RoomLine {
  const version = roomVersion(room.version)
  if (!version) throw new Error(`The store holds a room of the unknown version ${room.version}`)
  const line = new RoomLine({
    nid: room.nid,
    roomId: room.roomId as RoomId,
    version,
    lineVersion: room.lineVersion,
    heads: room.heads,
    depth: room.depth,
    lastPosition: room.lastPosition,
    holders: holders.map((holder) => ({ ...holder, pdu: undefined })),
    members,
    serverName,
  })
  line.purgedUpTo = room.purgedUpTo
  return line
}
