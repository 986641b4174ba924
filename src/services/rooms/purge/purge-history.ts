import { notFound, unknown } from '#base/errors.ts'
import { jobsChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { nidOf } from '#services/rooms/read/history-intervals.ts'
import { forgetLiveRoom } from './forget-live-room.ts'
import { purgeHistoryJob, purgeJobs, type HistoryPlan } from './purge-plan.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'rooms' | 'tokens' | 'clock' | 'bus'>

/** What counts as history: what came before an event, or before a moment in milliseconds. */
export type HistoryPurge = {
  roomId: RoomId
  before: { eventId: EventId } | { ts: number }
  /** Whether messages of this server's users leave the disk too; they are not shown in any case. */
  deleteLocal: boolean
}

/**
 * Hides a room's history at once and leaves its collection to a job; answers the id of the purge. The newest
 * events, on which the next one builds, always stay.
 */
export async function requestHistoryPurge(ctx: Needs, { roomId, before, deleteLocal }: HistoryPurge): Promise<string> {
  if (await ctx.store.rooms.purges.isUnderWay(roomId, purgeJobs))
    throw unknown('History of the room is being purged already')
  const id = ctx.tokens.id(16)
  const now = ctx.clock.now()
  await ctx.rooms.inTurn(roomId, async (turn) => {
    const room = await turn.settledRoom()
    const upTo = await boundary(ctx, room, before)
    const plan: HistoryPlan = { upTo, deleteLocal }
    await ctx.store.transaction(async (tx) => {
      await tx.rooms.purges.hideHistory(nidOf(room), upTo)
      await tx.rooms.purges.insert({
        id,
        kind: 'history',
        roomId,
        roomNid: room.nid,
        status: 'active',
        plan: JSON.stringify(plan),
        step: undefined,
        cursor: 0,
        createdAt: now,
      })
      await tx.jobs.jobs.addAgain({ id: ctx.tokens.id(16), kind: purgeHistoryJob, key: roomId, payload: {}, now })
    })
    await forgetLiveRoom(ctx, turn)
  })
  ctx.bus.publish(jobsChanged, { kind: purgeHistoryJob })
  return id
}

/** The position up to which events go; it never reaches a forward extremity. */
async function boundary(ctx: Needs, room: LiveRoom, before: HistoryPurge['before']): Promise<number> {
  const { store } = ctx
  const nid = nidOf(room)
  const wanted =
    'ts' in before ? await store.rooms.purges.positionAt(nid, before.ts) : await positionBefore(ctx, room, before)
  const forwardExtremities = await store.rooms.events.findMany(room.forwardExtremities)
  return Math.max(0, Math.min(wanted, room.lastPosition - 1, ...forwardExtremities.map(({ position }) => position - 1)))
}

async function positionBefore({ store }: Needs, room: LiveRoom, { eventId }: { eventId: EventId }): Promise<number> {
  const event = await store.rooms.events.find(eventId)
  if (!event || event.roomNid !== room.nid || event.status === 'outlier') throw notFound('The room has no such event')
  return event.position - 1
}
