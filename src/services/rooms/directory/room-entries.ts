import type { Context } from '#context.ts'
import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import type { RoomId } from '#protocol/ids.ts'
import { joinRuleOf } from '#protocol/rooms/restricted-join.ts'
import type { StoredRoom } from '#store/rooms/rooms.ts'
import { contentOf } from '#services/rooms/events/stored-pdu.ts'

/** The public description of a room. */
export type RoomEntry = {
  nid: number
  roomId: RoomId
  joinedMembers: number
  isWorldReadable: boolean
  guestsCanJoin: boolean
  joinRule: string
  roomType: string | undefined
  canonicalAlias: string | undefined
  name: string | undefined
  topic: string | undefined
  avatarUrl: string | undefined
}

const types = [
  'm.room.create',
  'm.room.join_rules',
  'm.room.history_visibility',
  'm.room.guest_access',
  'm.room.canonical_alias',
  'm.room.name',
  'm.room.topic',
  'm.room.avatar',
]

/** The descriptions of rooms from their state, in one query for all; in the order given. */
export async function roomEntries(
  ctx: Pick<Context, 'store'>,
  rooms: readonly (Pick<StoredRoom, 'nid' | 'roomId'> & { joinedMembers: number })[],
): Promise<RoomEntry[]> {
  const nids = rooms.map(({ nid }) => nid)
  const contents = new Map<string, JsonObject>()
  for (const event of await ctx.store.rooms.state.current(nids, types))
    contents.set(`${event.roomNid} ${event.type}`, contentOf(event))
  return rooms.map(({ nid, roomId, joinedMembers }) => {
    const stateContent = (type: string) => contents.get(`${nid} ${type}`) ?? {}
    return {
      nid,
      roomId,
      joinedMembers,
      isWorldReadable: stateContent('m.room.history_visibility').history_visibility === 'world_readable',
      guestsCanJoin: stateContent('m.room.guest_access').guest_access === 'can_join',
      joinRule: joinRuleOf({ content: stateContent('m.room.join_rules') }) ?? 'invite',
      roomType: text(stateContent('m.room.create').type),
      canonicalAlias: text(stateContent('m.room.canonical_alias').alias),
      name: text(stateContent('m.room.name').name),
      topic: text(stateContent('m.room.topic').topic),
      avatarUrl: text(stateContent('m.room.avatar').url),
    }
  })
}

const text = (value: JsonValue | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined
