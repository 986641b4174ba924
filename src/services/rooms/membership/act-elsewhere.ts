import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'rooms' | 'rateBuckets' | 'remoteMembership'>

export type OwnMembership = { roomId: RoomId; userId: UserId; content: JsonObject }

/** Sets a user's own membership in a room that this server is not in, as the requests for each membership do. */
export async function actElsewhere(ctx: Needs, { roomId, userId, content: given }: OwnMembership): Promise<EventId> {
  // Clients do not choose in whose name they enter.
  const { join_authorised_via_users_server: _authoriser, membership, ...content } = given
  const entry = { roomId, userId, content, via: [] }
  if (membership === 'join' || membership === 'knock') {
    ctx.rateBuckets.spend('join', userId)
    await (membership === 'join' ? ctx.remoteMembership.join(entry) : ctx.remoteMembership.knock(entry))
  } else if (membership === 'leave') {
    const reason = typeof content.reason === 'string' ? content.reason : undefined
    await ctx.remoteMembership.leave({ roomId, userId, reason })
  } else throw notFound('The room is not known')
  const outside = await ctx.store.rooms.outside.find(roomId, userId)
  const eventId = outside?.eventId ?? (await ctx.rooms.find(roomId))?.entry('m.room.member', userId)?.eventId
  if (!eventId) throw new Error('A membership was changed and is not there')
  return eventId
}
