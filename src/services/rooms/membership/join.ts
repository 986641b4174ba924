import { forbidden } from '#base/errors.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { appendEvents } from '#services/rooms/write/append.ts'
import { isForOthers, joinAuthority } from './authorise-join.ts'
import { inheritSettings } from '#services/rooms/upgrade/inherit-settings.ts'
import { isElsewhere, serversIn } from './is-elsewhere.ts'
import { memberContent } from './member-content.ts'
import type { EnteringNeeds } from './membership-needs.ts'
import { nextMembership } from '#services/rooms/live/next-state.ts'
import { requireOpenRoom } from './require-open-room.ts'
import type { RoomId, ServerName, UserId } from '#protocol/ids.ts'

export type Join = {
  roomId: RoomId
  userId: UserId
  /** The body of the request: the reason, and further keys for the member event. */
  content: JsonObject
  /** Servers that may be in a room which this one is not in. */
  via?: readonly ServerName[] | undefined
}

/** Keys of the body that do not reach the member event. */
const reserved: readonly string[] = [
  'membership',
  'displayname',
  'avatar_url',
  'is_direct',
  'join_authorised_via_users_server',
  'third_party_invite',
  'third_party_signed',
]

/** Joins a room, of this server or of others; throws M_NOT_FOUND for a room that is unknown here and there. */
export async function joinRoom(ctx: EnteringNeeds, join: Join): Promise<void> {
  const { roomId, userId, content: given, via = [] } = join
  ctx.rateBuckets.spend('join', userId)
  await requireOpenRoom(ctx, roomId)
  // NOTSPEC: further keys of the body reach the event, as bridges expect.
  const more = Object.fromEntries(Object.entries(given).filter(([name]) => !reserved.includes(name)))
  const content = { ...more, ...(await memberContent(ctx, userId, { membership: 'join' })) }
  const entry = { roomId, userId, content, via }
  if (await isElsewhere(ctx, roomId, userId)) await ctx.remoteMembership.join(entry)
  else if (!(await joinHere(ctx, entry))) return
  await inheritSettings(ctx, { roomId, userId })
}

type Entry = Required<Join> & { via: readonly ServerName[] }

/** False where the user is in the room already. */
async function joinHere(ctx: EnteringNeeds, entry: Entry): Promise<boolean> {
  const { roomId, userId, content } = entry
  try {
    const appended = await appendEvents(ctx, roomId, async (room) => {
      // No new event for a joined user: the current one may have more content than this join.
      if ((await nextMembership(ctx, room, userId)) === 'join') return []
      const authority = await joinAuthority(ctx, room, userId)
      return [{ type: 'm.room.member', stateKey: userId, sender: userId, content: { ...content, ...authority } }]
    })
    return appended.length > 0
  } catch (error) {
    if (!isForOthers(error)) throw error
    const room = await ctx.rooms.get(roomId)
    const others = serversIn(ctx, room)
    if (others.length === 0) throw forbidden(error.message)
    await ctx.remoteMembership.join({ ...entry, via: others })
    return true
  }
}
