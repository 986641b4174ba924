import type { JsonValue } from '#protocol/events/event.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import type { SendJoinAnswer } from '#services/federation/receive/import-send-join.ts'
import { member } from '../../spec-tests/support/generators/acts.ts'
import { openedRoom } from '../../spec-tests/support/generators/opened-room.ts'
import type { TestRoom } from '../../spec-tests/support/generators/test-room.ts'

export const version = roomVersion('11')!
export const remoteRoomId: RoomId = '!room:s0'
const creator: UserId = '@creator:s0'
export const us: UserId = '@us:home'
/** Users with power, to whom the room's forks belong. */
export const powerful = Array.from({ length: 10 }, (_, index): UserId => `@u${index}:s${index}`)

export type Made = { id: EventId; pdu: JsonValue }

/** What another server answers to our join, and what happens in the room afterwards. */
export type RemoteJoin = Pick<SendJoinAnswer, 'event' | 'state' | 'authChain'> & { forks: Made[] }

/** A public room of so many members on so many servers; events follow the last one unless placed otherwise. */
export function buildRemoteRoom({ members, servers }: { members: number; servers: number }): TestRoom {
  const users = Object.fromEntries(powerful.map((user) => [user, 50]))
  const room = openedRoom(version.id, { creator, roomId: remoteRoomId, ruled: false, levels: { users } })
  for (let number = 0; number < members; number++) {
    const user: UserId = `@u${number}:s${number % servers}`
    const avatar = `mxc://s${number % servers}/a${number}`
    room.add(member(user, user, 'join', { displayname: `User ${number}`, avatar_url: avatar }))
  }
  return room
}
