import { recentMap } from '#base/recent-map.ts'
import type { Context } from '#context.ts'
import type { Follower } from '#jobs/follower.ts'
import { isValidUserId, serverOf, type RoomId, type UserId } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { forgetDeviceLists } from './device-lists.ts'

type Needs = Pick<Context, 'store' | 'rooms' | 'config'>

/** Rooms whose name is remembered. */
const maxRooms = 10_000

/**
 * Forgets the device lists of users of other servers once none of ours shares a room with them: from then on their server
 * does not say what changes.
 */
export const followPartings = (ctx: Needs): Follower<'events'> => {
  const roomIds = recentMap<number, RoomId>(maxRooms)
  const findRoom = async (nid: number) => {
    const roomId = roomIds.get(nid) ?? (await ctx.store.rooms.rooms.findByNid(nid))?.roomId
    if (roomId === undefined) return undefined
    roomIds.set(nid, roomId)
    return ctx.rooms.find(roomId)
  }
  return {
    name: 'device list partings',
    streams: ['events'],
    from: 'now',
    async handle({ entries }) {
      const members = entries.filter(({ type, stateKey }) => type === 'm.room.member' && stateKey !== null)
      let isForgotten = false
      for (const [nid, events] of Map.groupBy(members, ({ roomNid }) => roomNid)) {
        const room = await findRoom(nid)
        if (room && (await forgetParted(ctx, room, events))) isForgotten = true
      }
      return isForgotten ? undefined : 'nothing'
    },
  }
}

/** Answers whether there was anything to forget. */
async function forgetParted(ctx: Needs, room: LiveRoom, events: readonly StoredEvent[]): Promise<boolean> {
  const gone = events.flatMap(({ stateKey }) => (isGone(room, stateKey) ? [stateKey as UserId] : []))
  const isRemote = (userId: UserId) => serverOf(userId) !== ctx.config.server_name
  const parted = gone.filter(isRemote)
  // With the last of our users, everybody in the room is out of sight.
  if (room.localUsers.size === 0 && gone.some((userId) => !isRemote(userId)))
    parted.push(...[...room.members.keys()].filter(isRemote))
  const kept = await ctx.store.e2ee.remoteDeviceLists.listOf([...new Set(parted)])
  if (kept.length > 0) await forgetDeviceLists(ctx, kept.map(({ userId }) => userId)) // prettier-ignore
  return kept.length > 0
}

const isGone = (room: LiveRoom, stateKey: string | null): boolean =>
  stateKey !== null && isValidUserId(stateKey) && room.members.get(stateKey) !== 'join'
