import type { Context } from '#context.ts'
import { askPolicy } from '#services/federation/policy/ask-policy-server.ts'
import { askForEvents } from './ask-for-events.ts'
import type { ReceiveNeeds } from './ports.ts'

/** The context as receiving events needs it: with keys that are fetched, and other servers that are asked. */
export const receiveNeeds = <Ctx extends Context>(ctx: Ctx): Ctx & ReceiveNeeds => ({
  ...ctx,
  findKey: ctx.keyRing.find,
  verifyAside: ctx.checkThreads.verify,
  missingEvents: askForEvents(ctx),
  askPolicy: askPolicy(ctx),
})
