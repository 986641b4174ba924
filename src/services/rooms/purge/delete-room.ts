import { notFound, unknown } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { purgeRequested } from '#bus/topics.ts'
import type { RoomPlan } from './purge-plan.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'tokens' | 'clock' | 'bus'>

export type RoomDeletion = {
  roomId: RoomId
  by: UserId
  /** Nobody may enter the room any more, also where this server does not know it. */
  block: boolean
  /** Also removes what is stored of it. */
  purge: boolean
  /** Also where some users could not be made to leave. */
  force: boolean
}

/** Leaves the end of a room to the worker; answers the id of the deletion. */
export async function requestRoomDeletion(
  ctx: Needs,
  { roomId, by, block, purge, force }: RoomDeletion,
): Promise<string> {
  const room = await ctx.store.rooms.rooms.find(roomId)
  if (!room && !block) throw notFound('The room is not known')
  if (await ctx.store.rooms.purges.isUnderWay(roomId)) throw unknown('The room is being purged already')
  const id = ctx.tokens.id(16)
  const shutdown = { kicked_users: [], failed_to_kick_users: [], local_aliases: [], new_room_id: null }
  const plan: RoomPlan = { purge, force, shutdown }
  await ctx.store.transaction(async (tx) => {
    if (block) await tx.rooms.purges.block(roomId, by)
    await tx.rooms.purges.insert({
      id,
      kind: 'room',
      roomId,
      roomNid: room?.nid,
      status: room ? 'scheduled' : 'complete',
      plan: JSON.stringify(plan),
      step: undefined,
      cursor: 0,
      createdAt: ctx.clock.now(),
    })
  })
  ctx.bus.publish(purgeRequested, { id })
  return id
}
