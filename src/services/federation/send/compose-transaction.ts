import { hash } from 'node:crypto'
import type { Context } from '#context.ts'
import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import { canonicalObject } from '#protocol/json/canonical-json.ts'
import type { OutgoingEdu } from '#store/federation/outgoing-edus.ts'
import type { Attempt, DestinationQueue } from './destination-queue.ts'
import type { EduJson } from './ephemeral-edus.ts'
import type { Outcomes } from './outcomes.ts'
import type { OutgoingPdu, OutgoingPdus } from './outgoing-pdus.ts'
import { allEvents, latestEvents } from './pending-events.ts'

export type ComposeNeeds = Pick<
  Context,
  'store' | 'config' | 'rooms' | 'clock' | 'tokens' | 'serverAccess' | 'serverAcls'
> & {
  pdus: OutgoingPdus
  outcomes: Outcomes
}

/** `body`: canonical JSON. */
export type Transaction = { attempt: Attempt; body: string; isEmpty: boolean }

/** A transaction ends with the item that makes it larger than this. */
const maxTransactionBytes = 2_097_152

/**
 * The next transaction for a server: the one that was not acknowledged, else the oldest that waits. Undefined where
 * nothing waits.
 */
export async function composeTransaction(ctx: ComposeNeeds, queue: DestinationQueue): Promise<Transaction | undefined> {
  if (queue.attempt) {
    const durable = await ctx.store.federation.outgoingEdus.atPositions(queue.attempt.durable)
    const pdus = (await ctx.pdus.find(queue.attempt.events)).filter((pdu) => pdu !== undefined)
    return transactionOf(ctx, queue.attempt, { pdus, durable })
  }
  const events = await nextEvents(ctx, queue)
  const { pdus, positions, bytes } = await withinBytes(ctx, events)
  const isFull = queue.isAlone && positions.length > 0
  const durable = isFull ? [] : await nextEdus(ctx, queue, bytes)
  const room = isFull || (queue.isAlone && durable.length > 0) ? 0 : queue.limits.edus - durable.length
  const ephemeral = room > 0 ? queue.ephemeral.take(room) : []
  if (positions.length + durable.length + ephemeral.length === 0) return undefined
  const attempt: Attempt = {
    txnId: transactionId(ctx, queue, { pdus, durable }),
    events: positions,
    durable: durable.map(({ position }) => position),
    ephemeral,
  }
  queue.attempt = attempt
  return transactionOf(ctx, attempt, { pdus, durable })
}

async function nextEvents(ctx: ComposeNeeds, queue: DestinationQueue): Promise<readonly number[]> {
  const limit = queue.limits.events
  if (queue.isWhole) return queue.next(limit)
  const { server } = queue
  const after = (queue.lastSent ??= await storedLastSent(ctx, queue.server))
  // What comes from now on is in the queue, and what came before is in the store.
  queue.forgetNews()
  if (queue.mayResume) {
    const waiting = await allEvents(ctx, { server, after })
    if (waiting) queue.becomeWhole(waiting)
    else queue.catchUp()
    return nextEvents(ctx, queue)
  }
  const latest = await latestEvents(ctx, { server, after, limit })
  if (latest.length > 0) return latest
  queue.becomeWhole([])
  return queue.next(limit)
}

/** What was acknowledged last, as far as it is known here or in the store. */
async function storedLastSent({ store, outcomes }: ComposeNeeds, server: string): Promise<number> {
  const stored = await store.federation.destinations.find(server)
  return Math.max(stored?.lastSent ?? 0, outcomes.lastSent(server) ?? 0)
}

/** Those of the events that fit; positions whose event is gone count as sent with those after them. */
async function withinBytes(
  { pdus }: ComposeNeeds,
  positions: readonly number[],
): Promise<{ pdus: OutgoingPdu[]; positions: readonly number[]; bytes: number }> {
  const fitting: OutgoingPdu[] = []
  let bytes = 0
  for (const [index, pdu] of (await pdus.find(positions)).entries()) {
    if (!pdu) continue
    fitting.push(pdu)
    bytes += pdu.bytes
    if (bytes > maxTransactionBytes) return { pdus: fitting, positions: positions.slice(0, index + 1), bytes }
  }
  return { pdus: fitting, positions, bytes }
}

async function nextEdus({ store }: ComposeNeeds, queue: DestinationQueue, bytes: number): Promise<OutgoingEdu[]> {
  if (!queue.hasEdus) return []
  const { edus: limit } = queue.limits
  // What is queued from now on is announced.
  queue.hasEdus = false
  const waiting = await store.federation.outgoingEdus.list(queue.server, limit)
  let size = bytes
  const fitting = waiting.findIndex(({ content }) => (size += content.length) > maxTransactionBytes)
  const taken = fitting === -1 ? waiting : waiting.slice(0, Math.max(1, fitting))
  if (waiting.length === limit || taken.length < waiting.length) queue.hasEdus = true
  return taken
}

type Contents = { pdus: readonly OutgoingPdu[]; durable: readonly OutgoingEdu[] }

/**
 * Follows from what must arrive, so that the same transaction has the same id also after a restart; never the same for
 * another one.
 */
function transactionId({ tokens }: ComposeNeeds, { server }: DestinationQueue, { pdus, durable }: Contents): string {
  if (pdus.length + durable.length === 0) return tokens.bytes(18).toString('base64url')
  const lasting: JsonValue = [
    server,
    pdus.map(({ eventId }) => eventId),
    durable.map(({ position, type, content }) => [position, type, content]),
  ]
  return hash('sha256', JSON.stringify(lasting), 'base64url').slice(0, 32)
}

/** The events are the same for many servers, and written once for all of them. */
function transactionOf({ config, clock }: ComposeNeeds, attempt: Attempt, { pdus, durable }: Contents): Transaction {
  const edus: EduJson[] = durable.map(({ type, content }) => ({
    edu_type: type,
    content: JSON.parse(content) as JsonObject,
  }))
  edus.push(...attempt.ephemeral)
  const content: JsonObject = {
    origin: config.server_name,
    origin_server_ts: clock.now(),
    pdus: [],
    ...(edus.length > 0 && { edus }),
  }
  const written = new Map([['pdus', `"pdus":[${pdus.map(({ json }) => json).join(',')}]`]])
  const isEmpty = pdus.length + edus.length === 0
  return { attempt, body: canonicalObject(content, written, 'as-sent'), isEmpty }
}
