import type { JsonObject } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { member, state, type Act } from '../../support/generators/acts.ts'
import { TestRoom } from '../../support/generators/test-room.ts'

export const alice = '@alice:s0.test'
export const bob = '@bob:s1.test'
export const carol = '@carol:s2.test'
export const dave = '@dave:s3.test'

/** A public room that Alice created and all the others joined, with the levels given. */
export function openRoom(
  versionId: string,
  users: Partial<Record<UserId, number>> = {},
  members: UserId[] = [bob, carol, dave],
) {
  const version = roomVersion(versionId)!
  const room = new TestRoom(version)
  const creation: JsonObject = { room_version: versionId, creator: alice }
  const acts: Act[] = [
    state(alice, 'm.room.create', creation),
    by(alice).member(alice, 'join'),
    by(alice).powers(version.creatorsOutrankAll ? users : { [alice]: 100, ...users }),
    by(alice).joinRule('public'),
    ...members.map((user) => by(user).member(user, 'join')),
  ]
  const opened = acts.reduce((prevs: EventId[], act) => [room.add(act, { prevs })], [])
  return { room, opened }
}

/** What a user can do, by name. */
export function by(sender: UserId) {
  return {
    topic: (topic: string) => state(sender, 'm.room.topic', { topic }),
    member: (target: UserId, membership: string, more: JsonObject = {}) => member(sender, target, membership, more),
    ban: (target: UserId) => member(sender, target, 'ban'),
    powers: (users: Partial<Record<UserId, number>>, more: JsonObject = {}) =>
      state(sender, 'm.room.power_levels', { users, events: { 'm.room.topic': 0 }, ...more }),
    joinRule: (rule: string) => state(sender, 'm.room.join_rules', { join_rule: rule }),
  }
}
