import { notFound, unknown } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { jobsChanged } from '#bus/topics.ts'
import { deleteRoomJob, purgeJobs, roomPlan, type RoomPlan, type Shutdown } from './purge-plan.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'tokens' | 'clock' | 'bus'>

export type RoomDeletion = {
  roomId: RoomId
  by: UserId
  /** `block`: no user may join the room any more, also where this server does not know it. */
  block: boolean
  /** Also removes what is stored of it. */
  purge: boolean
  /** Also where some users could not be made to leave. */
  force: boolean
}

/** Leaves the end of a room to a job; answers the id of the deletion. One that has failed on the way goes on. */
export async function requestRoomDeletion(
  ctx: Needs,
  { roomId, by, block, purge, force }: RoomDeletion,
): Promise<string> {
  const room = await ctx.store.rooms.rooms.find(roomId)
  const [begun] = await ctx.store.rooms.purges.listUnfinished(roomId, 'room')
  if (!room && !begun && !block) throw notFound('The room is not known')
  if (await ctx.store.rooms.purges.isUnderWay(roomId, purgeJobs)) throw unknown('The room is being purged already')
  const id = begun?.id ?? ctx.tokens.id(16)
  const now = ctx.clock.now()
  const plan: RoomPlan = { ...(begun ? roomPlan(begun) : { shutdown: notBegun() }), purge, force }
  await ctx.store.transaction(async (tx) => {
    if (block) await tx.rooms.purges.block(roomId, by)
    if (begun) await tx.rooms.purges.progress({ ...begun, status: 'active', plan: JSON.stringify(plan) })
    else
      await tx.rooms.purges.insert({
        id,
        kind: 'room',
        roomId,
        roomNid: room?.nid,
        status: room ? 'scheduled' : 'complete',
        plan: JSON.stringify(plan),
        step: undefined,
        cursor: 0,
        createdAt: now,
      })
    if (!room && !begun) return
    await tx.jobs.jobs.addAgain({ id: ctx.tokens.id(16), kind: deleteRoomJob, key: roomId, payload: {}, now })
  })
  ctx.bus.publish(jobsChanged, { kind: deleteRoomJob })
  return id
}

const notBegun = (): Shutdown => ({
  kicked_users: [],
  failed_to_kick_users: [],
  local_aliases: [],
  new_room_id: null,
})
