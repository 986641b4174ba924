import type { Pdu } from '#protocol/events/event.ts'
import type { EventId, RoomId, ServerName } from '#protocol/ids.ts'
import type { CheckedEvent } from '#services/federation/receive/checked-event.ts'
import type { ReceiveResult } from '#services/federation/receive/receive-result.ts'

type Sent = { roomId: RoomId; eventId: EventId; origin: ServerName }

/** An event that another server sent, until it is known what becomes of it. */
export class WaitingEvent {
  readonly roomId: RoomId
  readonly eventId: EventId
  /** The server that sent it, which need not be that of its sender. */
  readonly origin: ServerName
  /** As it came; undefined where it is on disk alone, as it is after a restart. */
  received: Pdu | undefined
  /** After checks 1 to 3; undefined where it must be read again, and checked from the first check on. */
  checked: CheckedEvent | undefined
  /** Of what is in memory, estimated. */
  bytes: number
  /** Resolves once it is staged; undefined while it is in memory alone, and its sender waits for the answer. */
  staging: Promise<void> | undefined
  readonly #ending = Promise.withResolvers<void>()
  #result: ReceiveResult | undefined

  /** Without `received` it is staged. */
  constructor({ roomId, eventId, origin }: Sent, received?: { pdu: Pdu; bytes: number }) {
    this.roomId = roomId
    this.eventId = eventId
    this.origin = origin
    this.received = received?.pdu
    this.bytes = received?.bytes ?? 0
    this.staging = received ? undefined : Promise.resolve()
  }

  /** Resolves when it is known what became of it. */
  get ending(): Promise<void> {
    return this.#ending.promise
  }

  /** What became of it, once it is known. */
  get result(): ReceiveResult | undefined {
    return this.#result
  }

  end(result: ReceiveResult): void {
    this.#result = result
    this.#ending.resolve()
  }
}
