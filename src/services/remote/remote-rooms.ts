import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import { isObject } from '#protocol/events/event.ts'
import { isValidRoomId, type RoomId, type ServerName } from '#protocol/ids.ts'
import { askServer, type RemoteNeeds } from './remote-client.ts'
import { RemoteError } from './remote-error.ts'

export type RemoteRoomsQuery = {
  limit: number
  since?: string | undefined
  term?: string | undefined
  roomTypes?: readonly (string | null)[] | undefined
}

/** A published room, as its server describes it; names are those of the specification. */
export type RemoteRoomEntry = {
  room_id: RoomId
  num_joined_members: number
  world_readable: boolean
  guest_can_join: boolean
  join_rule: string
} & Partial<Record<(typeof texts)[number], string>>

export type RemoteRoomsPage = {
  chunk: RemoteRoomEntry[]
  next_batch?: string
  prev_batch?: string
  total_room_count_estimate: number
}

const texts = ['room_type', 'canonical_alias', 'name', 'topic', 'avatar_url'] as const
const maxAnswerBytes = 2_097_152

/** A page of the rooms that another server publishes; throws what the client is answered. */
export async function askPublicRooms(
  ctx: RemoteNeeds,
  server: ServerName,
  { limit, since, term, roomTypes }: RemoteRoomsQuery,
): Promise<RemoteRoomsPage> {
  const request = {
    destination: server,
    path: ['_matrix', 'federation', 'v1', 'publicRooms'],
    maxBytes: maxAnswerBytes,
    timeoutMs: 20_000,
  }
  const filter = {
    ...(term !== undefined && { generic_search_term: term }),
    ...(roomTypes && { room_types: [...roomTypes] }),
  }
  try {
    const answer =
      term === undefined && !roomTypes
        ? await askServer(ctx, { ...request, method: 'GET', query: { limit, since } })
        : await askServer(ctx, {
            ...request,
            method: 'POST',
            content: { limit, filter, ...(since !== undefined && { since }) },
          })
    return readPage(answer, limit)
  } catch (error) {
    throw error instanceof RemoteError ? error.toClientError() : error
  }
}

function readPage(answer: JsonObject, limit: number): RemoteRoomsPage {
  const { chunk, next_batch: next, prev_batch: previous, total_room_count_estimate: total } = answer
  const entries = Array.isArray(chunk) ? chunk.slice(0, limit).flatMap(readEntry) : []
  return {
    chunk: entries,
    ...(typeof next === 'string' && { next_batch: next }),
    ...(typeof previous === 'string' && { prev_batch: previous }),
    total_room_count_estimate: Number.isSafeInteger(total) ? (total as number) : entries.length,
  }
}

function readEntry(entry: JsonValue): RemoteRoomEntry[] {
  if (!isObject(entry) || typeof entry.room_id !== 'string' || !isValidRoomId(entry.room_id)) return []
  const read: RemoteRoomEntry = {
    room_id: entry.room_id,
    num_joined_members: Number.isSafeInteger(entry.num_joined_members) ? (entry.num_joined_members as number) : 0,
    world_readable: entry.world_readable === true,
    guest_can_join: entry.guest_can_join === true,
    join_rule: typeof entry.join_rule === 'string' ? entry.join_rule : 'public',
  }
  for (const name of texts) {
    const text = entry[name]
    if (typeof text === 'string') read[name] = text
  }
  return [read]
}
