import { MatrixError } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { isValidEventId, type ServerName } from '#protocol/ids.ts'
import { openServing, type ServingNeeds } from './open-serving.ts'
import { pduTexts, servedEvent, unknownEvent } from './serve-events.ts'
import { transactionText } from './transaction-text.ts'

type Asked = { eventId: string; server: ServerName }

/** One event, as the JSON of a transaction; throws M_NOT_FOUND alike for what is unknown and what is not the server's. */
export async function serveEvent(
  ctx: ServingNeeds & Pick<Context, 'clock' | 'config'>,
  { eventId, server }: Asked,
): Promise<string> {
  const stored = isValidEventId(eventId) ? await ctx.store.rooms.events.find(eventId) : undefined
  const room = stored && (await ctx.store.rooms.rooms.findByNid(stored.roomNid))
  if (!room) throw unknownEvent()
  const serving = await openServing(ctx, room.roomId, server).catch((error: unknown) => {
    throw error instanceof MatrixError ? unknownEvent() : error
  })
  const event = await servedEvent(ctx, serving, eventId)
  return transactionText(ctx, await pduTexts(ctx, serving, [event]))
}
