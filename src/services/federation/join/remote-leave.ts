import { jobsChanged } from '#bus/topics.ts'
import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import type { RoomId, ServerName, UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import { bareMember } from '#services/rooms/membership/membership-needs.ts'
import { enterOutside } from '#services/rooms/membership/outside-membership.ts'
import type { RemoteLeave } from '#services/rooms/membership/remote-membership.ts'
import { hashAndSignEvent } from '#services/rooms/write/build-event.ts'
import type { OutsideMembership } from '#store/rooms/outside-memberships.ts'
import { askTemplate, sendEvent } from './ask-template.ts'
import { candidateServers } from './candidate-servers.ts'

/** The kind of the job that tells the servers of a room of a leave; its key is the user and the room. */
export const tellLeaveJob = 'tell-leave'

/**
 * Rejects an invite or retracts a knock: here at once, whether or not a server of the room can be reached; a job tells
 * these. A failure in between leaves the job, which then does both.
 */
export async function leaveRemotely(ctx: Context, leave: RemoteLeave): Promise<void> {
  const { roomId, userId, reason } = leave
  const outside = await ctx.store.rooms.outside.find(roomId, userId)
  if (outside?.membership !== 'invite' && outside?.membership !== 'knock') throw notFound('There is nothing to leave')
  const { named, known } = await candidateServers(ctx, { roomId, userId, via: [] })
  await ctx.store.jobs.jobs.addAgain({
    id: ctx.tokens.id(16),
    kind: tellLeaveJob,
    key: `${userId} ${roomId}`,
    payload: { userId, roomId, servers: [...named, ...known], ...(reason !== undefined && { reason }) },
    now: ctx.clock.now(),
  })
  await leaveHere(ctx, outside, reason)
  ctx.bus.publish(jobsChanged, { kind: tellLeaveJob })
}

/** The event that our user's clients are shown: it is in no room, and nobody else ever gets it. */
async function leaveHere(ctx: Context, outside: OutsideMembership, reason: string | undefined): Promise<void> {
  const { roomId, userId, servers } = outside
  const version = roomVersion(outside.version)
  if (!version) throw new Error('A room of an unknown version is stored')
  const event = {
    type: 'm.room.member',
    sender: userId,
    state_key: userId,
    room_id: roomId,
    content: bareMember('leave', reason),
    origin_server_ts: ctx.clock.now(),
    depth: 1,
    prev_events: [],
    auth_events: [],
  }
  const { pdu, eventId } = hashAndSignEvent(event, version, ctx.signingKey)
  await enterOutside(ctx, { roomId, version, pdu, eventId, shownState: [], servers })
}

type Payload = { userId: UserId; roomId: RoomId; servers: ServerName[]; reason?: string }

/** Tells a server of the room. Throws while none can be reached; one that refuses has nothing to be told. */
export async function tellLeave(ctx: Context, payload: JsonObject): Promise<JsonValue> {
  const { userId, roomId, servers, reason } = payload as Payload
  const outside = await ctx.store.rooms.outside.find(roomId, userId)
  if (outside?.membership === 'invite' || outside?.membership === 'knock') await leaveHere(ctx, outside, reason)
  // The user has come in, or was invited anew and has answered otherwise since.
  else if (outside?.membership !== 'leave') return { told: null }
  let unreached: unknown
  for (const server of servers) {
    try {
      const asked = { roomId, userId, membership: 'leave', content: bareMember('leave', reason) } as const
      await sendEvent(ctx, server, { asked, ready: await askTemplate(ctx, server, asked) })
      return { told: server }
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error
      if (!error.isRefusal) unreached = error
    }
  }
  if (unreached !== undefined) throw unreached
  return { told: null }
}
