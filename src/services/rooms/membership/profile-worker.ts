import { MatrixError } from '#base/errors.ts'
import { KeyedQueue } from '#base/keyed-queue.ts'
import { accountDeactivated, profileChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { appendEvents } from '#services/rooms/write/append.ts'
import type { AppendNeeds } from '#services/rooms/write/append-needs.ts'
import { leaveRoom } from './leave.ts'
import { presentation } from './member-content.ts'
import type { MembershipNeeds } from './membership-needs.ts'
import { nextMembership } from '#services/rooms/live/next-state.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

type Needs = MembershipNeeds & Pick<Context, 'log'>

/** Rooms that are worked on at once for one user. */
const roomsAtOnce = 8

export type Following = {
  /** Resolves when all that was heard of is done. */
  settle(): Promise<void>
  /** Hears of no more, and resolves when what was heard of is done. */
  stop(): Promise<void>
}

/** Carries changes of accounts into their rooms: new names and pictures, and the leave of who is gone. */
export function startProfileWorker(ctx: Needs): Following {
  const queue = new KeyedQueue()
  const running = new Set<Promise<void>>()
  const run = (key: string, work: () => Promise<void>) => {
    const done = queue
      .run(key, work)
      .catch((error: unknown) => ctx.log.error('an account was not carried into its rooms', { error: String(error) }))
      .finally(() => running.delete(done))
    running.add(done)
  }
  // What a server that stopped in between has left to make up for.
  run('the deactivated', async () => {
    for (const userId of await ctx.store.rooms.members.listDeactivated()) await leaveAllRooms(ctx, userId)
  })
  run('the unshown', async () => {
    for (const userId of await ctx.store.accounts.profiles.listUnshown()) run(userId, () => presentAnew(ctx, userId))
  })
  const settle = async () => {
    while (running.size > 0) await Promise.all(running)
  }
  const unsubscribe = [
    ctx.bus.subscribe(profileChanged, ({ userId }) => run(userId, () => presentAnew(ctx, userId))),
    ctx.bus.subscribe(accountDeactivated, ({ userId }) => run(userId, () => leaveAllRooms(ctx, userId))),
  ]
  return {
    settle,
    stop: () => {
      for (const end of unsubscribe) end()
      return settle()
    },
  }
}

/** Says in every room of the user how their profile presents them now, if that changed. */
async function presentAnew(ctx: Needs, userId: UserId): Promise<void> {
  const change = await ctx.store.accounts.profiles.findUnshown(userId)
  if (change === undefined) return
  const content = { ...presentation(await ctx.store.accounts.profiles.find(userId)), membership: 'join' }
  const roomIds = await ctx.store.rooms.rooms.listJoined(userId)
  const isTold = await inEach(ctx, roomIds, (roomId) => presentIn(ctx, { roomId, userId, content }))
  if (isTold) await ctx.store.accounts.profiles.markShown(userId, change)
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

/** Leaves the rooms of a user, rejects their invites and takes their knocks back. */
async function leaveAllRooms(ctx: Needs, userId: UserId): Promise<void> {
  const memberships = await ctx.store.rooms.members.listRooms(userId, ['join', 'invite', 'knock'])
  await inEach(ctx, memberships, async ({ roomNid }) => {
    const room = await ctx.store.rooms.rooms.findByNid(roomNid)
    if (room) await leaveRoom(ctx, { roomId: room.roomId, userId })
  })
}

/** A room that refuses or fails does not keep the others waiting; answers whether none failed. */
async function inEach<T>(
  ctx: Pick<Context, 'log'>,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<boolean> {
  const left = [...items]
  let hasFailed = false
  const worker = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop())
      await work(item).catch((error: unknown) => {
        hasFailed ||= !(error instanceof MatrixError)
        ctx.log.warn('a room did not take a change of membership', { error: String(error) })
      })
  }
  await Promise.all(Array.from({ length: roomsAtOnce }, worker))
  return !hasFailed
}
