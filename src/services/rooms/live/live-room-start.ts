import type { EventId, RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { PartialRoom } from '#store/rooms/partial-rooms.ts'
import type { MembershipSince } from '#store/rooms/members.ts'
import type { StateEntry } from './state-entry.ts'

/** What a room in memory begins with. */
export type LiveRoomStart = {
  nid: number | undefined
  roomId: RoomId
  version: RoomVersion
  revision: number
  forwardExtremities: readonly EventId[]
  depth: number
  lastPosition: number
  purgedUpTo: number
  entries: Iterable<StateEntry>
  members: Iterable<MembershipSince>
  /** This server's name, to know its own users among the members. */
  serverName: string
  /** Known only from a join in progress: none of this server's users has joined it yet. */
  isPlaceholder: boolean
  /** Set where a join brought the room without its members. */
  partial?: PartialRoom | undefined
}
