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
  /** What the client says of its joining: the reason, and what it wants to stand in its member event besides. */
  content: JsonObject
}

/** What is not for the client to say while it joins. */
const reserved: readonly string[] = [
  'membership',
  'displayname',
  'avatar_url',
  'is_direct',
  'join_authorised_via_users_server',
  'third_party_invite',
  'third_party_signed',
]

/** Lets a user enter a room of this server; throws M_NOT_FOUND for a room that is not known here. */
export async function joinRoom(ctx: EnteringNeeds, { roomId, userId, content: given }: Join): Promise<void> {
  ctx.rateBuckets.spend('join', userId)
  await requireOpenRoom(ctx, roomId)
  // NOTSPEC: more keys than the reason reach the event, as bridges expect.
  const more = Object.fromEntries(Object.entries(given).filter(([name]) => !reserved.includes(name)))
  const content = { ...more, ...(await memberContent(ctx, userId, { membership: 'join' })) }
  const appended = await appendEvents(ctx, roomId, async (room) => {
    // Who is in already stays in as they are: the event may say more than a join would.
    if ((await nextMembership(ctx, room, userId)) === 'join') return []
    const authority = await joinAuthority(ctx, room, userId)
    return [{ type: 'm.room.member', stateKey: userId, sender: userId, content: { ...content, ...authority } }]
  })
  if (appended.length > 0) await inheritSettings(ctx, { roomId, userId })
}
