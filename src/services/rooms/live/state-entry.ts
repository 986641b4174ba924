import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'

/** A state entry: which event holds a state key. Its PDU is loaded when it is needed. */
export type StateEntry = {
  readonly type: string
  readonly stateKey: string
  readonly eventId: EventId
  /** Position since which the event holds the key; undefined until its commit. */
  readonly from: number | undefined
  /** Position of the event; undefined until its commit. */
  readonly position: number | undefined
  readonly pdu: Pdu | undefined
}

/** What held from one position until the next interval begins; before the first one nothing did. */
export type Interval<Value> = { from: number; value: Value }

/** Past values of a state key; good as long as the present entry of the key began at `from`. */
export type StateHistory = { from: number; intervals: readonly Interval<string>[] }

/** A state key that another event holds from now on, or none. */
export type StateEntryChange = { type: string; stateKey: string; entry: StateEntry | undefined }

/** A state event that moved to another position. */
export type StateMove = { type: string; stateKey: string; eventId: EventId; position: number }
