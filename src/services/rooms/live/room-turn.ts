import { notFound } from '#base/errors.ts'
import type { RoomId } from '#protocol/ids.ts'
import { LiveRoom, type LockedRoom } from './live-room.ts'
import type { LiveRoomStart } from './live-room-start.ts'

/** The live rooms as a turn uses them. */
export type TurnRooms = {
  find(roomId: RoomId): Promise<LiveRoom | undefined>
  findStored(roomId: RoomId): Promise<LiveRoom | undefined>
  add(room: LiveRoom): void
  peek(roomId: RoomId): LiveRoom | undefined
  remove(roomId: RoomId): void
}

/** What a room starts from that does not exist yet. */
export type NewLiveRoom = Pick<LiveRoomStart, 'roomId' | 'version' | 'serverName' | 'isPlaceholder'>

/** A room before its create event. */
export const newRoom = (start: NewLiveRoom): LiveRoom =>
  new LiveRoom({
    ...start,
    nid: undefined,
    revision: 0,
    forwardExtremities: [],
    depth: 0,
    lastPosition: 0,
    purgedUpTo: 0,
    entries: [],
    members: [],
  })

const lock = (room: LiveRoom): LockedRoom => room as LockedRoom

/** The turn of a room: the only one that can change it until `end`, or until the work of the turn is done. */
export class RoomTurn {
  readonly #rooms: TurnRooms
  readonly roomId: RoomId
  /** Lets the next turn begin: what this one built is laid over the room and waits only for its commit. */
  readonly end: () => void

  constructor(rooms: TurnRooms, roomId: RoomId, end: () => void) {
    this.#rooms = rooms
    this.roomId = roomId
    this.end = end
  }

  /** The room; throws M_NOT_FOUND where this server does not know it. */
  async room(): Promise<LockedRoom> {
    const room = await this.#rooms.find(this.roomId)
    if (!room) throw notFound('The room is not known')
    return lock(room)
  }

  /** The room once nothing waits for its commit, placeholders included; throws M_NOT_FOUND where it is not stored. */
  async settledRoom(): Promise<LockedRoom> {
    for (;;) {
      const room = await this.#rooms.findStored(this.roomId)
      if (!room) throw notFound('The room is not known')
      await room.lastWrite
      if (!room.isBroken) return lock(room)
    }
  }

  /** A room that is about to be created; `add` takes it in once its create event is on disk. */
  newRoom(start: Omit<NewLiveRoom, 'roomId'>): LockedRoom {
    return lock(newRoom({ ...start, roomId: this.roomId }))
  }

  add(room: LockedRoom): void {
    this.#rooms.add(room)
  }

  /** Lets the room be read anew, once all that was built on it is on disk: a room read before that would lack it. */
  async drop(): Promise<void> {
    await this.#rooms.peek(this.roomId)?.lastWrite
    this.#rooms.remove(this.roomId)
  }
}
