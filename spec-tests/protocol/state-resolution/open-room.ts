import type { JsonObject } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { ScriptedRoom, type Act } from '../../support/generators/scripted-room.ts'

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
  const room = new ScriptedRoom(version)
  const creation: JsonObject = { room_version: versionId, creator: alice }
  const acts: Act[] = [
    { type: 'm.room.create', sender: alice, state_key: '', content: creation },
    by(alice).member(alice, 'join'),
    by(alice).powers(version.creatorsOutrankAll ? users : { [alice]: 100, ...users }),
    by(alice).joinRule('public'),
    ...members.map((user) => by(user).member(user, 'join')),
  ]
  const opened = acts.reduce((prevs: EventId[], act) => [room.send(act, { prevs })], [])
  return { room, opened }
}

/** What a user can do, by name. */
export function by(sender: UserId) {
  const state = (type: string, content: JsonObject, key = ''): Act => ({ type, sender, state_key: key, content })
  return {
    topic: (topic: string) => state('m.room.topic', { topic }),
    member: (target: UserId, membership: string, more: JsonObject = {}) =>
      state('m.room.member', { membership, ...more }, target),
    ban: (target: UserId) => state('m.room.member', { membership: 'ban' }, target),
    powers: (users: Partial<Record<UserId, number>>, more: JsonObject = {}) =>
      state('m.room.power_levels', { users, events: { 'm.room.topic': 0 }, ...more }),
    joinRule: (rule: string) => state('m.room.join_rules', { join_rule: rule }),
  }
}
