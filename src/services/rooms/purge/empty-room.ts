import type { Context } from '#context.ts'
import { serverOf, type RoomId, type UserId } from '#protocol/ids.ts'
import type { Purge } from '#store/rooms/purges.ts'
import { leaveRoom } from '#services/rooms/membership/leave.ts'
import type { MembershipNeeds } from '#services/rooms/membership/membership-needs.ts'
import { roomPlan, type Progress, type Shutdown } from './purge-plan.ts'

type Needs = MembershipNeeds & Pick<Context, 'log'>

/** How many users leave before that is written down. */
const leavesAtOnce = 50

/** Lets this server's users leave the room, some at a time, then takes its names away. */
export async function emptyRoom(ctx: Needs, purge: Purge): Promise<Progress> {
  const { store, config } = ctx
  const plan = roomPlan(purge)
  const { shutdown } = plan
  const stay = { status: 'active' as const, step: purge.step, cursor: purge.cursor }
  const present = await store.rooms.members.listUsers(purge.roomNid ?? 0, ['join', 'invite', 'knock'])
  const failed = new Set(shutdown.failed_to_kick_users)
  const local = present.filter(({ userId }) => serverOf(userId) === config.server_name && !failed.has(userId))
  const next = local.slice(0, leavesAtOnce)
  if (next.length > 0) {
    for (const { userId } of next) await makeLeave(ctx, { roomId: purge.roomId, userId }, shutdown)
    return { ...stay, plan: JSON.stringify(plan) }
  }
  for (const alias of await store.rooms.aliases.listForRoom(purge.roomId)) {
    await store.rooms.aliases.delete(alias)
    shutdown.local_aliases.push(alias)
  }
  if (failed.size > 0 && plan.purge && !plan.force) {
    const said = JSON.stringify({ ...plan, error: 'Users are still in the room' })
    return { ...stay, status: 'failed', plan: said }
  }
  const written = { ...stay, plan: JSON.stringify(plan) }
  return plan.purge ? { ...written, step: 'hide' } : { ...written, status: 'complete' }
}

async function makeLeave(ctx: Needs, place: { roomId: RoomId; userId: UserId }, shutdown: Shutdown): Promise<void> {
  try {
    await leaveRoom(ctx, place)
    shutdown.kicked_users.push(place.userId)
  } catch (error) {
    ctx.log.warn('a user did not leave a room that is deleted', { error: String(error) })
    shutdown.failed_to_kick_users.push(place.userId)
  }
}
