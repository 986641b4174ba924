import type { Membership } from '#store/members.ts'
import type { RoomLine } from '#services/rooms/room-line.ts'

const maxHeroes = 5

export type RoomSummary = { 'm.heroes'?: string[]; 'm.joined_member_count': number; 'm.invited_member_count': number }

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync_response-200_roomsummary */
export function roomSummary(line: RoomLine, userId: string): RoomSummary {
  const counts = { 'm.joined_member_count': line.count('join'), 'm.invited_member_count': line.count('invite') }
  const isNamed =
    line.holder('m.room.name', '') !== undefined || line.holder('m.room.canonical_alias', '') !== undefined
  return isNamed ? counts : { 'm.heroes': heroesOf(line, userId), ...counts }
}

/** The first members besides the reader, after whom a nameless room is named: those who are there, else those who were. */
export function heroesOf(line: RoomLine, userId: string): string[] {
  const present = membersWith(line, userId, (membership) => membership === 'join' || membership === 'invite')
  return present.length > 0
    ? present
    : membersWith(line, userId, (membership) => membership === 'leave' || membership === 'ban')
}

function membersWith(line: RoomLine, userId: string, isWanted: (membership: Membership) => boolean): string[] {
  const heroes: string[] = []
  for (const [member, membership] of line.members) {
    if (member === userId || !isWanted(membership)) continue
    if (heroes.push(member) === maxHeroes) break
  }
  return heroes
}
