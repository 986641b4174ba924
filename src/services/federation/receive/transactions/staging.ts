import type { Context } from '#context.ts'
import type { JsonObject, Pdu } from '#protocol/events/event.ts'
import type { StagedEvent } from '#store/federation/staged-events.ts'
import type { WaitingEvent } from './waiting-event.ts'

/**
 * Puts events on disk that are not done with, before their sender hears that they are here. Most are done with by then:
 * these are in the room, or need nothing more, and were never staged.
 */
export async function stage(
  { store, incomingEvents }: Pick<Context, 'store' | 'incomingEvents'>,
  events: readonly WaitingEvent[],
): Promise<void> {
  const waiting = events.filter(({ result }) => !result)
  const fresh = waiting.filter(({ staging }) => staging === undefined)
  const inserting = store.federation.stagedEvents.insert(fresh.flatMap(toStaged))
  for (const event of fresh) event.staging = inserting
  await Promise.all(waiting.map(({ staging }) => staging))
  if (incomingEvents.isFull) for (const event of waiting) incomingEvents.letGo(event)
}

/** Forgets events that are done with. */
export async function unstage(
  { store, incomingEvents, log }: Pick<Context, 'store' | 'incomingEvents' | 'log'>,
  events: readonly WaitingEvent[],
): Promise<void> {
  const staged = events.filter(({ staging }) => staging !== undefined)
  await Promise.allSettled(staged.map(({ staging }) => staging))
  // Those that stay are found again by the next process, and known then.
  const onError = (error: unknown) => log.error('staged events could not be deleted', { error })
  await store.federation.stagedEvents.delete(staged).catch(onError)
  for (const event of events) {
    incomingEvents.letGo(event)
    incomingEvents.release(event)
  }
}

const toStaged = ({ roomId, eventId, origin, received }: WaitingEvent): StagedEvent[] =>
  received ? [{ roomId, eventId, origin, pdu: textOf(received) }] : []

/** What an event says beside its signed content is not kept. */
function textOf(pdu: Pdu): string {
  const { unsigned: _unsigned, ...kept } = pdu as unknown as JsonObject
  return JSON.stringify(kept)
}
