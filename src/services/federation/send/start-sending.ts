import { edusQueued } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { startFollowerWorker } from '#jobs/follower.ts'
import { allWorkers, listeningWorker, type Worker } from '#jobs/worker.ts'
import { startReceiptsWorker } from './edus/send-receipts.ts'
import { startTypingWorker } from './edus/send-typing.ts'
import { PresenceOut } from './edus/send-presence.ts'
import { followDeviceLists } from './follow-device-lists.ts'
import { followEvents } from './follow-events.ts'
import { Outcomes } from './outcomes.ts'
import { OutgoingPdus } from './outgoing-pdus.ts'
import { Sender } from './sender.ts'

/** Sends other servers what they are to have of what happens here. */
export function startSendingWorker(context: Context): Worker {
  if (!context.config.federation.enabled) return listeningWorker([])
  const ctx = {
    ...context,
    pdus: new OutgoingPdus(context.store, context.caches),
    outcomes: new Outcomes(context),
  }
  const sender = new Sender(ctx)
  sender.start()
  const presence = new PresenceOut({ ...ctx, sender })
  const events = startFollowerWorker(ctx, followEvents(ctx, { sender, presence }))
  const own = { ...ctx, sender, afterEvents: () => events.settle() }
  const sources = allWorkers([
    events,
    startFollowerWorker(ctx, followDeviceLists(ctx)),
    startTypingWorker(own),
    startReceiptsWorker(own),
    presence,
    listeningWorker([
      ctx.bus.subscribe(edusQueued, ({ destinations }) => destinations.forEach((server) => sender.sendEdus(server))),
    ]),
  ])
  return {
    async settle() {
      await sources.settle()
      await presence.settle() // which the follower may have woken
      await sender.settle()
    },
    async stop() {
      await sources.stop()
      await sender.stop()
    },
  }
}
