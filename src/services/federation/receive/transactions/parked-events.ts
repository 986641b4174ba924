import { eventsCommitted } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { RoomId } from '#protocol/ids.ts'
import type { WaitingEvent } from './waiting-event.ts'

/** How long a join may take before the events that came meanwhile are given up. */
const patienceMs = 300_000

type Options = { takeUp(event: WaitingEvent): void; giveUp(event: WaitingEvent): void }

/** Events that come while one of our users is joining their room: they wait until its state is here. */
export class ParkedEvents {
  readonly #ctx: Context
  readonly #options: Options
  readonly #rooms = new Map<RoomId, { events: WaitingEvent[]; cancel: () => void }>()
  readonly stop: () => void

  constructor(ctx: Context, options: Options) {
    this.#ctx = ctx
    this.#options = options
    const end = ctx.bus.subscribe(eventsCommitted, ({ roomId }) => this.#onCommit(roomId))
    this.stop = () => {
      end()
      for (const { cancel } of this.#rooms.values()) cancel()
    }
  }

  add(event: WaitingEvent): void {
    const { roomId } = event
    const parked = this.#rooms.get(roomId)
    if (parked) return void parked.events.push(event)
    const cancel = this.#ctx.clock.after(patienceMs, () => this.#take(roomId).forEach(this.#options.giveUp))
    this.#rooms.set(roomId, { events: [event], cancel })
  }

  #onCommit(roomId: RoomId): void {
    if (this.#rooms.has(roomId) && this.#ctx.rooms.peek(roomId)?.isPlaceholder === false)
      this.#take(roomId).forEach(this.#options.takeUp)
  }

  #take(roomId: RoomId): WaitingEvent[] {
    const parked = this.#rooms.get(roomId)
    this.#rooms.delete(roomId)
    parked?.cancel()
    return parked?.events ?? []
  }
}
