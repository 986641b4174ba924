import type { JsonObject } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'
import { state } from '../../support/generators/acts.ts'
import { openedRoom } from '../../support/generators/opened-room.ts'

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
  const room = openedRoom(versionId, {
    creator: alice,
    create: { creator: alice },
    levels: { users, events: { 'm.room.topic': 0 } },
    members: Object.fromEntries(members.map((user) => [user, 'join'])),
    signed: false,
  })
  return { room, opened: room.order.slice(-1) }
}

export const setTopic = (sender: UserId, topic: string) => state(sender, 'm.room.topic', { topic })

export const setJoinRule = (sender: UserId, rule: string) => state(sender, 'm.room.join_rules', { join_rule: rule })

/** Power levels under which anybody may set the topic. */
export const setLevels = (sender: UserId, users: Partial<Record<UserId, number>>, more: JsonObject = {}) =>
  state(sender, 'm.room.power_levels', { users, events: { 'm.room.topic': 0 }, ...more })
