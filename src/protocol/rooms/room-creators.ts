import type { Pdu } from '#protocol/events/event.ts'
import type { RoomVersion } from './room-version.ts'
import type { UserId } from '#protocol/ids.ts'

/** The users whom the rules call creators of the room: one up to room version 11, one or more from 12. */
export function creatorsOf(create: Pick<Pdu, 'sender' | 'content'>, version: RoomVersion): UserId[] {
  const { creator, additional_creators: additional } = create.content
  if (version.creators === 'content') return typeof creator === 'string' ? [creator as UserId] : []
  if (version.creators === 'sender' || !Array.isArray(additional)) return [create.sender]
  return [create.sender, ...(additional.filter((user) => typeof user === 'string') as UserId[])]
}

/** Whether the user may take the first step after creation: joining a room that has no join rules yet. */
export function isFirstCreator(userId: UserId, create: Pdu, version: RoomVersion): boolean {
  return creatorsOf(create, version)[0] === userId
}
