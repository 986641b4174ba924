import { Type } from '@sinclair/typebox'
import type { Context } from '#context.ts'
import { listPublicRooms, type DirectoryQuery } from '#services/rooms/directory/directory.ts'
import type { RoomEntry } from '#services/rooms/directory/room-entries.ts'
import { RoomIdText } from './ids.ts'

const Entry = Type.Object({
  room_id: RoomIdText,
  num_joined_members: Type.Integer(),
  world_readable: Type.Boolean(),
  guest_can_join: Type.Boolean(),
  join_rule: Type.String(),
  room_type: Type.Optional(Type.String()),
  canonical_alias: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
  topic: Type.Optional(Type.String()),
  avatar_url: Type.Optional(Type.String()),
})
/** A page of published rooms, as clients and servers get it. */
export const PublicRoomsPage = Type.Object({
  chunk: Type.Array(Entry),
  next_batch: Type.Optional(Type.String()),
  prev_batch: Type.Optional(Type.String()),
  total_room_count_estimate: Type.Integer(),
})
const defaultLimit = 100
const maxLimit = 500

/** Entries of a page, where so many are asked for. */
export const clampLimit = (limit = defaultLimit) => Math.min(Math.max(limit, 1), maxLimit)

/** A page of the rooms that are published here. */
export async function readPage(ctx: Context, query: DirectoryQuery) {
  const { entries, next, previous, total } = await listPublicRooms(ctx, query)
  return {
    chunk: entries.map(toEntry),
    ...(next !== undefined && { next_batch: next }),
    ...(previous !== undefined && { prev_batch: previous }),
    total_room_count_estimate: total,
  }
}

/** The entry of the response; absent state is left out. */
const toEntry = (entry: RoomEntry) => ({
  room_id: entry.roomId,
  num_joined_members: entry.joinedMembers,
  world_readable: entry.isWorldReadable,
  guest_can_join: entry.guestsCanJoin,
  join_rule: entry.joinRule,
  ...(entry.roomType !== undefined && { room_type: entry.roomType }),
  ...(entry.canonicalAlias !== undefined && { canonical_alias: entry.canonicalAlias }),
  ...(entry.name !== undefined && { name: entry.name }),
  ...(entry.topic !== undefined && { topic: entry.topic }),
  ...(entry.avatarUrl !== undefined && { avatar_url: entry.avatarUrl }),
})
