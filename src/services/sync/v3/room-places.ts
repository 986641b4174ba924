import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { Membership, Place } from '#store/rooms/members.ts'
import type { SyncRequest } from './sync-request.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** What a room is to the user since her token. */
export type RoomPlace = {
  roomId: RoomId
  roomNid: number
  membership: Membership
  /** Who sent the user's member event. */
  sender: UserId
  /** Position of the user's member event. */
  position: number
  /** Whether she has left and forgotten it. */
  isForgotten: boolean
  /** True when she knows nothing of the room yet: it is told from scratch. */
  isNew: boolean
}

type Needs = Pick<Context, 'store'>

/** The rooms that this answer may speak of: all she is in, and those she left since the token. */
export async function roomPlaces(
  ctx: Needs,
  { userId, since, filter }: Pick<SyncRequest, 'userId' | 'since' | 'filter'>,
  upTo: number,
): Promise<RoomPlace[]> {
  const places = (await ctx.store.rooms.members.listPlaces(userId, since?.events)).filter(({ roomId }) =>
    filter.matchesRoom(roomId),
  )
  const told = await Promise.all(places.map((place) => toldPlace(ctx, place, { since: since?.events, upTo })))
  return told
    .filter((place) => place !== undefined)
    .filter(({ membership, isNew }) => isInRoom(membership) || !isNew || filter.includeLeave)
}

const isInRoom = (membership: Membership): boolean => membership !== 'leave' && membership !== 'ban'

type Span = { since: number | undefined; upTo: number }

async function toldPlace({ store }: Needs, place: Place, { since, upTo }: Span): Promise<RoomPlace | undefined> {
  const { roomId, roomNid, userId, sender, position, isForgotten } = place
  const membership = position > upTo ? await membershipAt(store, place, upTo) : place.membership
  if (!membership) return undefined
  const told = { roomId, roomNid, membership, sender, position: Math.min(position, upTo), isForgotten }
  if (since === undefined) return { ...told, isNew: true }
  if (position <= since) return isInRoom(membership) ? { ...told, isNew: false } : undefined
  const before = await membershipAt(store, { roomNid, userId }, since)
  // Whatever becomes of a room that she had left and forgot is no news to her.
  if (isForgotten && before && !isInRoom(before)) return undefined
  return { ...told, isNew: membership === 'join' && before !== 'join' }
}

async function membershipAt(
  store: Needs['store'],
  { roomNid, userId }: { roomNid: number; userId: UserId },
  position: number,
): Promise<Membership | undefined> {
  const event = await store.rooms.state.holderAt(roomNid, ['m.room.member', userId], position)
  return event && ((JSON.parse(event.clientJson) as { content: JsonObject }).content.membership as Membership)
}
