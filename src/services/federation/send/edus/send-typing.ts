import { typingChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { Alarm } from '#jobs/alarm.ts'
import type { Worker } from '#jobs/worker.ts'
import { serverOf, type RoomId, type UserId } from '#protocol/ids.ts'
import { allowedServers } from '#services/federation/send/allowed-servers.ts'
import type { Sender } from '#services/federation/send/sender.ts'
import { lingerMs } from './linger.ts'
import { Running } from './running.ts'

type Needs = Pick<
  Context,
  'bus' | 'clock' | 'config' | 'log' | 'rooms' | 'store' | 'typing' | 'serverAccess' | 'serverAcls'
> & {
  sender: Sender
}

/** Other servers take somebody who goes on typing for a while to have stopped: they hear it again before. */
const repeatEveryMs = 40_000

/** Sends the servers of a room who of the users here types. */
export function startTypingWorker(ctx: Needs): Worker {
  const running = new Running(ctx.log)
  const repeat = new Alarm(ctx.clock)
  const sent = new Map<RoomId, ReadonlySet<UserId>>()
  const tell = async (roomId: RoomId, isRepeated = false) => {
    await sendTyping(ctx, { roomId, sent, isRepeated })
    if (sent.size > 0 && !repeat.isSet) repeat.set(repeatEveryMs, repeatAll)
  }
  const repeatAll = () => {
    for (const roomId of sent.keys()) running.begin(tell(roomId, true))
  }
  const end = ctx.bus.subscribe(typingChanged, ({ roomId }) => running.begin(tell(roomId)))
  return {
    settle: () => running.settle(),
    async stop() {
      end()
      await running.settle()
      repeat.clear()
    },
  }
}

type Typing = { roomId: RoomId; sent: Map<RoomId, ReadonlySet<UserId>>; isRepeated: boolean }

async function sendTyping(ctx: Needs, { roomId, sent, isRepeated }: Typing): Promise<void> {
  const room = await ctx.rooms.find(roomId)
  if (!room || room.joinedByServer.size <= 1) return void sent.delete(roomId)
  const servers = await allowedServers(ctx, room, room.joinedByServer.keys())
  // From here on nothing waits: of two changes side by side the later one sees what the earlier one sent.
  const before = sent.get(roomId) ?? new Set()
  const now = new Set(ctx.typing.in(roomId).filter((userId) => serverOf(userId) === ctx.config.server_name))
  const begun = isRepeated ? now : now.difference(before)
  const ended = before.difference(now)
  if (now.size > 0) sent.set(roomId, now)
  else sent.delete(roomId)
  if (begun.size + ended.size === 0) return
  for (const server of servers)
    ctx.sender.sendEphemeral(
      server,
      (edus) => {
        for (const userId of begun) edus.addTyping(roomId, userId, true)
        for (const userId of ended) edus.addTyping(roomId, userId, false)
      },
      lingerMs(servers.length),
    )
}
