import { receiptMoved } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { Worker } from '#jobs/worker.ts'
import { serverOf, type RoomId, type UserId } from '#protocol/ids.ts'
import { allowedServers } from '#services/federation/send/allowed-servers.ts'
import type { Sender } from '#services/federation/send/sender.ts'
import { lingerMs } from './linger.ts'
import { Running } from './running.ts'

type Needs = Pick<Context, 'bus' | 'config' | 'log' | 'rooms' | 'store' | 'serverAccess' | 'serverAcls'> & {
  sender: Sender
  /** Resolves when the events so far are with the sender. */
  afterEvents: () => Promise<void>
}

/** Sends the servers of a room how far users here have read; private receipts stay here. */
export function startReceiptsWorker(ctx: Needs): Worker {
  const running = new Running(ctx.log)
  const end = ctx.bus.subscribe(receiptMoved, ({ roomId, userId, type, threadId }) => {
    if (type === 'm.read' && serverOf(userId) === ctx.config.server_name)
      running.begin(sendReceipt(ctx, { roomId, userId, threadId }))
  })
  return {
    settle: () => running.settle(),
    async stop() {
      end()
      await running.settle()
    },
  }
}

async function sendReceipt(
  ctx: Needs,
  { roomId, userId, threadId }: { roomId: RoomId; userId: UserId; threadId: string },
): Promise<void> {
  const room = await ctx.rooms.find(roomId)
  if (!room || room.joinedByServer.size <= 1) return
  const receipts = await ctx.store.rooms.receipts.listOfUser(roomId, userId)
  const receipt = receipts.find((one) => one.type === 'm.read' && one.threadId === threadId)
  if (!receipt) return
  const { eventId, receivedAt: ts } = receipt
  // A receipt for an event that the other server does not have yet would be of no use there.
  await ctx.afterEvents()
  const servers = await allowedServers(ctx, room, room.joinedByServer.keys())
  for (const server of servers)
    ctx.sender.sendEphemeral(
      server,
      (edus) => edus.addReceipt({ roomId, userId, eventId, threadId, ts }),
      lingerMs(servers.length),
    )
}
