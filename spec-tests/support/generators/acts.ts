import type { JsonObject, UnsignedPdu } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'

/**
 * What somebody does in a room, before it becomes an event. The room fills in what is left out, the sender with its
 * creator; what is given stands, however wrong it is.
 */
export type Act = Partial<UnsignedPdu> & { type: string }

/** An act that says who acts on what. */
export type FullAct = Act & { sender: UserId; content: JsonObject }

/** A state event. */
export function state(sender: string, type: string, content: JsonObject, stateKey = ''): FullAct {
  return { type, sender: sender as UserId, content, state_key: stateKey }
}

/** A change of somebody's membership. */
export function member(sender: string, target: string, membership: string, more: JsonObject = {}): FullAct {
  return state(sender, 'm.room.member', { membership, ...more }, target)
}

export function message(sender: string, body = 'hello'): FullAct {
  return { type: 'm.room.message', sender: sender as UserId, content: { body } }
}

/** What opens a room, besides its creator. */
export type Opening = {
  /** More content of the create event. */
  create?: JsonObject
  /** The content of power levels beside the level of the creator; with null there are none. */
  levels?: JsonObject | null
  joinRule?: string
}

/** What makes a room of the creator's. */
export function openingActs(
  version: RoomVersion,
  creator: UserId,
  { create = {}, levels = {}, joinRule = 'public' }: Opening = {},
): Act[] {
  const creation = { ...(version.creators === 'content' && { creator }), room_version: version.id, ...create }
  return [
    state(creator, 'm.room.create', creation),
    member(creator, creator, 'join'),
    ...(levels ? [state(creator, 'm.room.power_levels', levelsIn(version, creator, levels))] : []),
    state(creator, 'm.room.join_rules', { join_rule: joinRule }),
  ]
}

/** Power levels with the creator at 100 where creators have a level. */
export function levelsIn(version: RoomVersion, creator: UserId, content: JsonObject = {}): JsonObject {
  const { users = {}, ...rest } = content as { users?: JsonObject }
  return { ...rest, users: version.creatorsOutrankAll ? users : { [creator]: 100, ...users } }
}
