import { invalidParam } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { roomIdOfCreate } from '#protocol/events/event-id.ts'
import { isObject, type JsonObject, type JsonValue, type Pdu } from '#protocol/events/event.ts'
import { strippedStateTypes, toStrippedState, type StrippedState } from '#protocol/events/stripped-state.ts'
import { isValidUserId, type RoomId, type UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { checkFormat } from '#services/federation/receive/check-event.ts'

/** What is kept of the state that another server shows of its room, and what we show of ours. */
const maxEntries = 50
const maxBytes = 65_536

/**
 * The state events by which a user of another server may recognise a room of ours, with the member event of whoever
 * acts. They are whole events; what would make a request too large is left out, but never who invites and what was made.
 */
export async function stateToShow(ctx: Pick<Context, 'store'>, room: LiveRoom, actor: UserId): Promise<Pdu[]> {
  const keys = [['m.room.member', actor] as const, ...strippedStateTypes.map((type) => [type, ''] as const)]
  await loadStateEntries(ctx, room, keys)
  const shown: Pdu[] = []
  let bytes = 0
  for (const [type, key] of keys) {
    const pdu = room.entry(type, key)?.pdu
    if (!pdu) continue
    const { unsigned: _unsigned, ...event } = pdu
    const size = Buffer.byteLength(JSON.stringify(event))
    const isNeeded = type === 'm.room.create' || type === 'm.room.member'
    if (!isNeeded && bytes + size > maxBytes) continue
    bytes += size
    shown.push(event)
  }
  return shown
}

/**
 * What of another server's room its users-to-be are shown: well-formed entries, each state key once, within bounds, and
 * the member event itself last.
 */
export function readShownState(value: JsonValue | undefined, member: Pdu): StrippedState[] {
  const shown = new Map<string, StrippedState>()
  let bytes = 0
  for (const entry of Array.isArray(value) ? value : []) {
    if (shown.size === maxEntries) break
    const stripped = isObject(entry) ? strippedEntry(entry) : undefined
    if (!stripped) continue
    const size = Buffer.byteLength(JSON.stringify(stripped))
    if (bytes + size > maxBytes) continue
    bytes += size
    shown.set(JSON.stringify([stripped.type, stripped.state_key]), stripped)
  }
  shown.delete(JSON.stringify([member.type, member.state_key]))
  return [...shown.values(), toStrippedState(member)]
}

function strippedEntry({ type, sender, state_key: key, content }: JsonObject): StrippedState | undefined {
  const isWellFormed =
    typeof type === 'string' && typeof key === 'string' && typeof sender === 'string' && isValidUserId(sender)
  if (!isWellFormed || !isObject(content)) return undefined
  return { type, sender, state_key: key, content }
}

type Room = { roomId: RoomId; version: RoomVersion }

/**
 * Refuses an invite that shows events of another room.
 * NOTSPEC: servers in use show stripped state, of which that cannot be said, and it is taken as well.
 */
export function requireShownHere(shown: JsonValue | undefined, room: Room): void {
  if (Array.isArray(shown) && shown.some((entry) => isElsewhere(entry, room)))
    throw invalidParam('invite_room_state has events of another room')
}

/** The state that was shown without events of another room: a knock that is answered with such is made already. */
export const shownHere = (shown: JsonValue | undefined, room: Room): JsonValue[] =>
  Array.isArray(shown) ? shown.filter((entry) => !isElsewhere(entry, room)) : []

/** From room version 12 the create event tells by its hash which room it made. */
function isElsewhere(entry: JsonValue, { roomId, version }: Room): boolean {
  if (!isObject(entry)) return false
  if (typeof entry.room_id === 'string' && entry.room_id !== roomId) return true
  if (!version.roomIdIsCreateHash || entry.type !== 'm.room.create' || entry.hashes === undefined) return false
  const create = checkFormat(entry, { roomId, version })
  return 'violation' in create || roomIdOfCreate(create.pdu, version) !== roomId
}
