import { eventsCommitted } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { StrippedState } from '#protocol/events/stripped-state.ts'
import type { EventId, RoomId, ServerName, UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { describeEvent, membershipsOf } from '#services/rooms/events/describe-event.ts'

type Needs = Pick<Context, 'store' | 'bus' | 'rooms'>

/** A member event of a user here in a room that this server is not in, and what came with it. */
export type OutsideChange = {
  roomId: RoomId
  version: RoomVersion
  pdu: Pdu
  eventId: EventId
  shownState: readonly StrippedState[]
  servers: readonly ServerName[]
}

/**
 * Gives a user the membership by an event that is no part of the room as it is known here: their clients are told, and
 * nothing else of the room can be seen. The room becomes a placeholder where it is not stored.
 */
export async function enterOutside(ctx: Needs, change: OutsideChange): Promise<void> {
  await ctx.rooms.inTurn(change.roomId, async (turn) => {
    const room = await ctx.rooms.findStored(change.roomId)
    await room?.lastWrite
    // They have come in meanwhile: what was said outside is over.
    if (room?.members.get(change.pdu.state_key as UserId) === 'join' && room.localUsers.size > 0) return
    try {
      await write(ctx, change)
    } catch (error) {
      // Another process may have stored the room meanwhile.
      if (!(await ctx.store.rooms.rooms.find(change.roomId))) throw error
      await write(ctx, change)
    } finally {
      // What is in memory of the room does not have the new membership.
      await turn.drop()
    }
  })
}

async function write(ctx: Needs, change: OutsideChange): Promise<void> {
  const { roomId, version, pdu, eventId, shownState, servers } = change
  const stored = await ctx.store.rooms.rooms.find(roomId)
  const userId = pdu.state_key as UserId
  const previous = stored && (await ctx.store.rooms.members.find(stored.nid, userId))?.membership
  const event = {
    ...describeEvent({ pdu, eventId }),
    relation: undefined,
    status: 'outlier' as const,
    outside: { userId, shownState: JSON.stringify(shownState), servers },
    memberships: membershipsOf(pdu).map((member) => ({ ...member, previous })),
  }
  const base = stored
    ? { ...stored, version: stored.version, revision: undefined }
    : { nid: undefined, version: version.id, revision: 0, forwardExtremities: [], depth: 0, lastPosition: 0 }
  const room = { ...base, roomId, isPublished: undefined, isPlaceholder: stored ? undefined : true, events: [event] }
  await ctx.store.eventWriter.write(room, ({ positions: [position = 0] }) =>
    ctx.bus.publish(eventsCommitted, { roomId, position, userIds: [userId], changesMembers: true }),
  )
}
