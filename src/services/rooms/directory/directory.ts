import { forbidden, invalidParam, notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { StoredRoom } from '#store/rooms/rooms.ts'
import { maySetCanonicalAlias } from './delete-alias.ts'
import { roomEntries, type RoomEntry } from './room-entries.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

export type DirectoryQuery = {
  limit: number
  /** A token of another page. */
  since?: string | undefined
  /** A substring of name, topic or alias. */
  term?: string | undefined
  /** Requested room types, null for rooms without one; absent: all. */
  roomTypes?: readonly (string | null)[] | undefined
}

export type DirectoryPage = { entries: RoomEntry[]; next?: string; previous?: string; total: number }

/** A position in the list: member count and number of a room; the largest rooms come first. */
type ListPosition = { joinedMembers: number; nid: number }

/** A page of the rooms that are published here. */
export async function listPublicRooms(ctx: Pick<Context, 'store'>, query: DirectoryQuery): Promise<DirectoryPage> {
  const rooms = await publishedRooms(ctx)
  const isFiltered = query.term !== undefined || query.roomTypes !== undefined
  const matching = isFiltered ? (await roomEntries(ctx, rooms)).filter((entry) => matches(entry, query)) : rooms
  const [start, end] = range(matching, query)
  const page = matching.slice(start, end)
  const [first, last] = [page[0], page.at(-1)]
  return {
    entries: await roomEntries(ctx, page),
    ...(last && end < matching.length && { next: token('after', last) }),
    ...(first && start > 0 && { previous: token('before', first) }),
    total: matching.length,
  }
}

async function publishedRooms(ctx: Pick<Context, 'store'>) {
  const rooms = await ctx.store.rooms.rooms.listPublished()
  const counts = await ctx.store.rooms.members.counts(rooms.map(({ nid }) => nid))
  return rooms
    .map(({ nid, roomId }) => ({ nid, roomId, joinedMembers: counts.get(nid)?.join ?? 0 }))
    .filter(({ joinedMembers }) => joinedMembers > 0)
    .sort(inListOrder)
}

const inListOrder = (one: ListPosition, other: ListPosition) =>
  other.joinedMembers - one.joinedMembers || one.nid - other.nid

function matches({ name, topic, canonicalAlias, roomType }: RoomEntry, { term, roomTypes }: DirectoryQuery): boolean {
  if (roomTypes && !roomTypes.includes(roomType ?? null)) return false
  if (term === undefined) return true
  const wanted = term.toLowerCase()
  return [name, topic, canonicalAlias].some((text) => text?.toLowerCase().includes(wanted))
}

function range(rooms: readonly ListPosition[], { since, limit }: DirectoryQuery): [start: number, end: number] {
  if (since === undefined) return [0, limit]
  const { side, position } = readListToken(since)
  if (side === 'before') {
    const at = rooms.findIndex((room) => inListOrder(room, position) >= 0)
    const end = at === -1 ? rooms.length : at
    return [Math.max(0, end - limit), end]
  }
  const at = rooms.findIndex((room) => inListOrder(room, position) > 0)
  const start = at === -1 ? rooms.length : at
  return [start, start + limit]
}

type Side = 'after' | 'before'

const token = (side: Side, { joinedMembers, nid }: ListPosition) => `${side}_${joinedMembers}_${nid}`

function readListToken(text: string): { side: Side; position: ListPosition } {
  const [, side, joinedMembers, nid] = /^(after|before)_(\d{1,15})_(\d{1,15})$/.exec(text) ?? []
  if (side === undefined) throw invalidParam('The token is not from this list')
  return { side: side as Side, position: { joinedMembers: Number(joinedMembers), nid: Number(nid) } }
}

/** Whether the room is published; throws M_NOT_FOUND for a room that is not known. */
export async function isPublished(ctx: Pick<Context, 'store'>, roomId: RoomId): Promise<boolean> {
  return (await knownRoom(ctx, roomId)).isPublished
}

export type Publication = { roomId: RoomId; by: UserId; isAdmin: boolean; isPublished: boolean }

/** Sets whether the directory lists a room: for users who may set its canonical alias, and administrators. */
export async function publishRoom(
  ctx: Pick<Context, 'store' | 'rooms'>,
  { roomId, by, isAdmin, isPublished: wanted }: Publication,
): Promise<void> {
  const room = await knownRoom(ctx, roomId)
  if (!isAdmin && !(await maySetCanonicalAlias(ctx, roomId, by))) throw forbidden('You may not publish this room')
  await ctx.store.rooms.rooms.setPublished(room.nid, wanted)
}

async function knownRoom({ store }: Pick<Context, 'store'>, roomId: RoomId): Promise<StoredRoom> {
  const room = await store.rooms.rooms.find(roomId)
  if (!room || room.isPlaceholder) throw notFound('The room is not known')
  return room
}
