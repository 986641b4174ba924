import { roomVersion } from '#protocol/rooms/room-version.ts'
import { member, openingActs, type Opening } from './acts.ts'
import { TestRoom } from './test-room.ts'

export const creator = '@creator:one'

export type RoomSetup = Opening & { members?: Record<string, string> }

/** A room of signed events by its creator, each following the one before; nothing is checked while it grows. */
export function unruledRoom(versionId: string, { members = {}, ...opening }: RoomSetup = {}): TestRoom {
  const version = roomVersion(versionId)
  if (!version) throw new Error(`No room version ${versionId}`)
  const room = new TestRoom(version, { roomId: '!room:one', signed: true, ruled: false })
  for (const act of openingActs(version, creator, opening)) room.add(act)
  for (const [user, membership] of Object.entries(members)) room.add(member(user, user, membership))
  return room
}
