import { KeyedQueue } from '#base/keyed-queue.ts'
import { Slots } from '#base/slots.ts'
import type { Context } from '#context.ts'
import { askForEvents } from '#services/federation/receive/ask-for-events.ts'
import type { ReceiveResult } from '#services/federation/receive/ports.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import { enterWithPast } from '#services/federation/receive/receive-event.ts'
import { checkedOf } from './checked-of.ts'
import { PostponedEvents } from './postponed-events.ts'
import type { WaitingEvent } from './waiting-event.ts'

/** How long what one event lacks may take to be fetched. */
const deadlineMs = 60_000
/** Events of one server that are fetched for at once. */
const maxOfServer = 20

type Options = {
  /** Aborts when the process ends. */
  signal: AbortSignal
  end(event: WaitingEvent, result: ReceiveResult): Promise<void>
}

type Asking = { signal: AbortSignal; onOutage: () => void }

const unresolved: ReceiveResult = {
  eventId: undefined,
  outcome: 'unresolved',
  reason: 'The event could not be taken in',
}

/**
 * Events that lack others: of one room and server one after the other, since the next mostly lacks the one before. How
 * long a server takes to answer holds up only what it sent itself. Where it cannot be reached, it is asked again later:
 * the event may be the last that it sends of the room, as when it puts out our users.
 */
export class SlowEvents {
  readonly #ctx: Context
  readonly #options: Options
  readonly #lanes = new KeyedQueue()
  readonly #slots = new Slots(maxOfServer)
  readonly #running = new Set<Promise<void>>()
  readonly #postponed: PostponedEvents

  constructor(ctx: Context, options: Options) {
    this.#ctx = ctx
    this.#options = options
    this.#postponed = new PostponedEvents(ctx.clock, {
      takeUp: (event) => this.add(event),
      giveUp: (event) => this.follow(options.end(event, unresolved)),
    })
    const unwatch = ctx.destinations.watch((server, news) => {
      if (news !== 'failed') this.#postponed.wake(server)
    })
    options.signal.addEventListener('abort', () => {
      unwatch()
      this.#postponed.stop()
    })
  }

  add(event: WaitingEvent): void {
    const { roomId, origin } = event
    this.follow(this.#lanes.run(`${roomId} ${origin}`, () => this.#slots.run(origin, () => this.#work(event))))
  }

  /** Waits for this as well. */
  follow(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  async #work(event: WaitingEvent): Promise<void> {
    const { log, clock } = this.#ctx
    const { signal, end } = this.#options
    const deadline = new AbortController()
    const cancel = clock.after(deadlineMs, () => deadline.abort())
    let isCut = false
    const asking = { signal: AbortSignal.any([signal, deadline.signal]), onOutage: () => void (isCut = true) }
    const result = await this.#enter(event, asking).catch((error: unknown) => {
      log.error('an event could not be taken in', { room_id: event.roomId, event_id: event.eventId, error })
      return unresolved
    })
    cancel()
    if (result.outcome !== 'unresolved') return end(event, result)
    // It may have failed for the end of the process alone.
    if (signal.aborted) return
    if (!isCut || !this.#postponed.add(event)) await end(event, result)
  }

  async #enter(event: WaitingEvent, asking: Asking): Promise<ReceiveResult> {
    if (asking.signal.aborted) return unresolved
    const needs = { ...receiveNeeds(this.#ctx), missingEvents: askForEvents({ ...this.#ctx, ...asking }) }
    const room = await needs.rooms.findStored(event.roomId)
    const checked = room ? await checkedOf(needs, room, event) : { result: unresolved }
    if (!room || 'result' in checked) return 'result' in checked ? checked.result : unresolved
    return enterWithPast(needs, room, { event: checked.event, origin: event.origin })
  }
}
