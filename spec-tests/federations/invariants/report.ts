/** Notes that something does not hold. */
export type Report = (invariant: InvariantName, message: string) => void

export type InvariantName =
  | 'no-errors'
  | 'state'
  | 'extremities'
  | 'events'
  | 'rooms'
  | 'to-device'
  | 'one-time-keys'
  | 'queues'
  | 'device-lists'
  | 'crash'

export type Violation = { invariant: InvariantName; message: string }
