import type { JsonObject } from '#protocol/events/event.ts'
import type { Membership } from '#store/rooms/members.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'
import type { UserId } from '#protocol/ids.ts'

const maxHeroes = 5

/** What names a room, and where in its content. */
const names = { 'm.room.name': 'name', 'm.room.canonical_alias': 'alias' }
const summarized = new Set(['m.room.member', ...Object.keys(names)])

export type RoomSummary = { 'm.heroes'?: UserId[]; 'm.joined_member_count': number; 'm.invited_member_count': number }

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync_response-200_roomsummary */
export async function roomSummary(moment: SyncMoment, room: LiveRoom): Promise<RoomSummary> {
  const counts = { 'm.joined_member_count': room.count('join'), 'm.invited_member_count': room.count('invite') }
  if (await isNamed(moment, room)) return counts
  return { 'm.heroes': heroesOf(room, moment.request.userId), ...counts }
}

/** Whether the summary may be another one than at a position. */
export function summaryMayDiffer(room: LiveRoom, after: number): boolean {
  if (room.recentFrom > after || room.plainSince > after) return true
  return room.recent.some(
    ({ position, type, stateKey }) => position > after && stateKey !== null && summarized.has(type),
  )
}

/** An empty name is none. */
async function isNamed({ loader }: SyncMoment, room: LiveRoom): Promise<boolean> {
  const texts = await Promise.all(
    Object.entries(names).map(async ([type, field]) => {
      const position = room.entry(type, '')?.position
      const event = position === undefined ? undefined : await loader.load(position)
      return event && (JSON.parse(event.clientJson) as { content: JsonObject }).content[field]
    }),
  )
  return texts.some((text) => typeof text === 'string' && text !== '')
}

/** The first members besides the reader, after whom a nameless room is named: those who are there, else those who were. */
function heroesOf(room: LiveRoom, userId: UserId): UserId[] {
  const present = membersWith(room, userId, (membership) => membership === 'join' || membership === 'invite')
  return present.length > 0
    ? present
    : membersWith(room, userId, (membership) => membership === 'leave' || membership === 'ban')
}

function membersWith(room: LiveRoom, userId: UserId, isWanted: (membership: Membership) => boolean): UserId[] {
  const heroes: UserId[] = []
  for (const [member, membership] of room.members) {
    if (member === userId || !isWanted(membership)) continue
    if (heroes.push(member) === maxHeroes) break
  }
  return heroes
}
