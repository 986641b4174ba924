import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { AccountRoom } from '#services/rooms/account-rooms/account-index.ts'
import type { Membership } from '#store/rooms/members.ts'
import type { SyncRequest } from './sync-request.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** A room as one sync response shows it: the user's membership at that time. */
export type SyncRoom = {
  roomId: RoomId
  roomNid: number
  membership: Membership
  /** Who sent the user's member event. */
  sender: UserId
  /** Position of the user's member event. */
  position: number
  /** Whether the user has left and forgotten it. */
  isForgotten: boolean
  /** Whether the user's client has nothing of the room yet: it gets the whole room. */
  isNew: boolean
}

type Needs = Pick<Context, 'store'>

/** The user's rooms that this response may contain. */
export async function syncRooms(
  ctx: Needs,
  { userId, since, filter }: Pick<SyncRequest, 'userId' | 'since' | 'filter'>,
  { rooms, upTo }: { rooms: Iterable<AccountRoom>; upTo: number },
): Promise<SyncRoom[]> {
  const interval = { userId, since: since?.events, upTo }
  const wanted = [...rooms].filter(
    ({ roomId, isForgotten, position }) =>
      filter.matchesRoom(roomId) && (!isForgotten || (since !== undefined && position > since.events)),
  )
  const found = await Promise.all(wanted.map((room) => syncRoomOf(ctx, room, interval)))
  return found
    .filter((syncRoom) => syncRoom !== undefined)
    .filter(({ membership, isNew }) => isInRoom(membership) || !isNew || filter.includeLeave)
}

const isInRoom = (membership: Membership): boolean => membership !== 'leave' && membership !== 'ban'

type SyncInterval = { userId: UserId; since: number | undefined; upTo: number }

async function syncRoomOf(
  { store }: Needs,
  { roomId, roomNid, sender, position, isForgotten, membership: present }: AccountRoom,
  { userId, since, upTo }: SyncInterval,
): Promise<SyncRoom | undefined> {
  const key = { roomNid, userId }
  const membership = position > upTo ? await membershipAt(store, key, upTo) : present
  if (!membership) return undefined
  const known = { roomId, roomNid, membership, sender, position: Math.min(position, upTo), isForgotten }
  if (since === undefined) return { ...known, isNew: true }
  if (position <= since) return isInRoom(membership) ? { ...known, isNew: false } : undefined
  const before = await membershipAt(store, key, since)
  // Changes of a room that the user has left and forgotten are not shown.
  if (isForgotten && before && !isInRoom(before)) return undefined
  return { ...known, isNew: membership === 'join' && before !== 'join' }
}

async function membershipAt(
  store: Needs['store'],
  { roomNid, userId }: { roomNid: number; userId: UserId },
  position: number,
): Promise<Membership | undefined> {
  const event = await store.rooms.state.eventAt(roomNid, ['m.room.member', userId], position)
  return event && ((JSON.parse(event.clientJson) as { content: JsonObject }).content.membership as Membership)
}
