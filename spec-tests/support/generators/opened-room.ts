import type { RoomId, UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { member, openingActs, state, type Opening } from './acts.ts'
import { TestRoom, type RoomOptions } from './test-room.ts'

export const creator = '@creator:one'

export type RoomSetup = Opening & {
  members?: Record<string, string>
  /** So many more state events, each of a state key of its own. */
  notes?: number
}

/** A room by its creator, each event following the one before; signed unless said otherwise. */
export function openedRoom(
  versionId: string,
  { creator: opener, members = {}, notes = 0, ...setup }: RoomSetup & RoomOptions & { creator: UserId },
): TestRoom {
  const version = roomVersion(versionId)
  if (!version) throw new Error(`No room version ${versionId}`)
  const room = new TestRoom(version, { signed: true, ...setup })
  for (const act of openingActs(version, opener, setup)) room.add(act)
  for (const [user, membership] of Object.entries(members)) room.add(member(user, user, membership))
  for (let note = 0; note < notes; note++) room.add(state(opener, 'org.example.note', { note }, `${note}`))
  return room
}

/** A room in which nothing is checked while it grows. */
export const unruledRoom = (versionId: string, setup: RoomSetup = {}): TestRoom =>
  openedRoom(versionId, { ...setup, creator, roomId: '!room:one' satisfies RoomId, ruled: false })
