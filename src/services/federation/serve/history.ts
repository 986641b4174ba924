import type { Context } from '#context.ts'
import type { RoomId, ServerName } from '#protocol/ids.ts'
import { openServing, type ServingNeeds } from './open-serving.ts'
import { pduTexts } from './serve-events.ts'
import { transactionText } from './transaction-text.ts'
import { prevsOf, walkBack } from './walk-back.ts'

/** What one request gets, whatever it asks for. */
const maxServed = 100

type Asked = { roomId: RoomId; server: ServerName }

/** Events from some on back, as the JSON of a transaction. */
export async function serveBackfill(
  ctx: ServingNeeds & Pick<Context, 'clock' | 'config'>,
  { roomId, server, from, limit }: Asked & { from: readonly string[]; limit: number },
): Promise<string> {
  const serving = await openServing(ctx, roomId, server)
  const events = await walkBack(ctx, serving, { from, limit: bounded(limit) })
  return transactionText(ctx, await pduTexts(ctx, serving, events))
}

export type Between = { earliest: readonly string[]; latest: readonly string[]; limit: number; minDepth: number }

/** Events between some and others, oldest first, as JSON. */
export async function serveMissingEvents(
  ctx: ServingNeeds,
  { roomId, server, earliest, latest, limit, minDepth }: Asked & Between,
): Promise<string> {
  const serving = await openServing(ctx, roomId, server)
  const until = new Set([...earliest, ...latest])
  const from = await prevsOf(ctx, serving, latest)
  const events = await walkBack(ctx, serving, { from, until, minDepth, limit: bounded(limit) })
  return `{"events":[${(await pduTexts(ctx, serving, events)).join(',')}]}`
}

const bounded = (limit: number): number => Math.min(Math.max(limit, 1), maxServed)
