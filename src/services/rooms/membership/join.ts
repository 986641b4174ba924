import type { JsonObject } from '#protocol/events/event.ts'
import { appendEvents } from '#services/rooms/write/append.ts'
import { joinAuthority } from './authorise-join.ts'
import { inheritSettings } from '#services/rooms/upgrade/inherit-settings.ts'
import { memberContent } from './member-content.ts'
import type { EnteringNeeds } from './membership-needs.ts'
import { nextMembership } from '#services/rooms/live/next-state.ts'
import { requireOpenRoom } from './require-open-room.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

export type Join = {
  roomId: RoomId
  userId: UserId
  /** The body of the request: the reason, and further keys for the member event. */
  content: JsonObject
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

/** Joins a room of this server; throws M_NOT_FOUND for an unknown room. */
export async function joinRoom(ctx: EnteringNeeds, { roomId, userId, content: given }: Join): Promise<void> {
  ctx.rateBuckets.spend('join', userId)
  await requireOpenRoom(ctx, roomId)
  // NOTSPEC: further keys of the body reach the event, as bridges expect.
  const more = Object.fromEntries(Object.entries(given).filter(([name]) => !reserved.includes(name)))
  const content = { ...more, ...(await memberContent(ctx, userId, { membership: 'join' })) }
  const appended = await appendEvents(ctx, roomId, async (room) => {
    // No new event for a joined user: the current one may have more content than this join.
    if ((await nextMembership(ctx, room, userId)) === 'join') return []
    const authority = await joinAuthority(ctx, room, userId)
    return [{ type: 'm.room.member', stateKey: userId, sender: userId, content: { ...content, ...authority } }]
  })
  if (appended.length > 0) await inheritSettings(ctx, { roomId, userId })
}
