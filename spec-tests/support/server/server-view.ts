import { prevEventIds } from '#protocol/events/event.ts'
import type { EventId, ServerName } from '#protocol/ids.ts'
import type { RoomReplay } from '../federation/room-replay.ts'

/** The events that one server of a room has received so far. */
export class ServerView {
  readonly name: ServerName
  /** The accepted events that no other event it knows follows: what its next event will cite. */
  readonly forwardExtremities = new Set<EventId>()
  /** A silent server keeps what it creates to itself. */
  isSilent = false
  readonly #room: RoomReplay
  readonly #seen = new Set<EventId>()
  #inbox: EventId[] = []
  #unsent: EventId[] = []

  constructor(name: ServerName, room: RoomReplay) {
    this.name = name
    this.#room = room
  }

  /** Adds an event of its own, and sends it to the others unless silent. */
  create(id: EventId, all: readonly ServerView[]): void {
    this.#receive(id)
    this.#unsent.push(id)
    if (this.isSilent) return
    for (const other of all) if (other !== this) other.#inbox.push(...this.#unsent)
    this.#unsent = []
  }

  receiveAll(): void {
    this.receiveSome(() => true)
  }

  /** Receives some of the events that were sent to it, with their ancestors; the rest may come later. */
  receiveSome(choose: (id: EventId) => boolean): void {
    const [chosen, left] = [[] as EventId[], [] as EventId[]]
    for (const id of this.#inbox) (choose(id) ? chosen : left).push(id)
    this.#inbox = left
    for (const id of chosen) this.#receive(id)
  }

  #receive(last: EventId): void {
    const pending = [last]
    for (let id = pending.at(-1); id !== undefined; id = pending.at(-1)) {
      const prevs = prevEventIds(this.#room.events.get(id)!, this.#room.version)
      const unseen = prevs.filter((prev) => !this.#seen.has(prev))
      if (unseen.length > 0) pending.push(...unseen)
      else this.#enter(pending.pop()!, prevs)
    }
  }

  #enter(id: EventId, prevs: readonly EventId[]): void {
    if (this.#seen.has(id)) return
    this.#seen.add(id)
    if (this.#room.rejected.has(id)) return
    for (const prev of prevs) this.forwardExtremities.delete(prev)
    this.forwardExtremities.add(id)
  }
}
