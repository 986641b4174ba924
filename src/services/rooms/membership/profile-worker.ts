import { MatrixError } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { startJobWorker, type JobRun } from '#jobs/job-worker.ts'
import type { Worker } from '#jobs/worker.ts'
import { leaveRoomsJob, leaveRoomsOf } from '#services/accounts/deactivate.ts'
import { showProfileJob } from '#services/accounts/profile/profile.ts'
import { appendEvents } from '#services/rooms/write/append.ts'
import type { AppendNeeds } from '#services/rooms/write/append.ts'
import { leaveRoom } from './leave.ts'
import { presentation } from './member-content.ts'
import type { MembershipNeeds } from './membership-needs.ts'
import { nextMembership } from '#services/rooms/live/next-state.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

type Needs = MembershipNeeds & Pick<Context, 'log' | 'processId' | 'tokens'>

/** Users that are processed at once, and rooms of each. */
const usersAtOnce = 4
const roomsAtOnce = 8

/** Updates member events after changes of accounts: new profiles, and leaves of deactivated users. */
export function startProfileWorker(ctx: Needs): Worker {
  const kinds = [
    { kind: showProfileJob, run: async ({ key, signal }: JobRun) => showProfile(ctx, key as UserId, signal) },
    { kind: leaveRoomsJob, run: async ({ key, signal }: JobRun) => leaveAllRooms(ctx, key as UserId, signal) },
  ]
  const worker = startJobWorker(ctx, kinds, { atOnce: usersAtOnce })
  // Accounts that were deactivated while they joined a room, or before there were jobs.
  const adding = ctx.store.rooms.members
    .listDeactivated()
    .then((userIds) => leaveRoomsOf(ctx, userIds))
    .catch((error: unknown) => ctx.log.error('deactivated members could not be looked for', { error }))
  const settle = async () => {
    await adding
    await worker.settle()
  }
  const stop = async () => {
    await adding
    await worker.stop()
  }
  return { settle, stop }
}

/** Updates the member events of the user in all joined rooms to the current profile. */
async function showProfile(ctx: Needs, userId: UserId, signal: AbortSignal): Promise<undefined> {
  const content = { ...presentation(await ctx.store.accounts.profiles.find(userId)), membership: 'join' }
  const roomIds = await ctx.store.rooms.rooms.listJoined(userId)
  await inEach(ctx, { items: roomIds, signal }, (roomId) => presentIn(ctx, { roomId, userId, content }))
}

async function presentIn(
  ctx: AppendNeeds,
  { roomId, userId, content }: { roomId: RoomId; userId: UserId; content: { membership: string } },
): Promise<void> {
  await appendEvents(ctx, roomId, async (room) => {
    if ((await nextMembership(ctx, room, userId)) !== 'join') return []
    return [{ type: 'm.room.member', stateKey: userId, sender: userId, content }]
  })
}

/** Leaves the rooms of a user, rejects their invites and retracts their knocks. */
async function leaveAllRooms(ctx: Needs, userId: UserId, signal: AbortSignal): Promise<undefined> {
  const items = await ctx.store.rooms.members.listRooms(userId, ['join', 'invite', 'knock'])
  await inEach(ctx, { items, signal }, async ({ roomNid }) => {
    const room = await ctx.store.rooms.rooms.findByNid(roomNid)
    if (room) await leaveRoom(ctx, { roomId: room.roomId, userId })
  })
}

/** A room that refuses or fails does not stop the others; throws when one failed or time ran out. */
async function inEach<T>(
  ctx: Pick<Context, 'log'>,
  { items, signal }: { items: readonly T[]; signal: AbortSignal },
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items]
  let failed: unknown
  const takeRooms = async () => {
    for (let item = left.pop(); item !== undefined && !signal.aborted; item = left.pop())
      await work(item).catch((error: unknown) => {
        if (!(error instanceof MatrixError)) failed = error
        ctx.log.warn('a room did not take a change of membership', { error })
      })
  }
  await Promise.all(Array.from({ length: roomsAtOnce }, takeRooms))
  signal.throwIfAborted()
  if (failed !== undefined) throw failed
}
