import type { CompiledFilter } from '#protocol/filters/filter.ts'
import type { SyncToken } from './token.ts'
import type { UserId } from '#protocol/ids.ts'

/** A /sync request, read and resolved. */
export type SyncRequest = {
  userId: UserId
  deviceId: string | undefined
  /** Absent: an initial sync. */
  since: SyncToken | undefined
  /** How long to wait for something new, in milliseconds. */
  timeout: number
  filter: CompiledFilter
  fullState: boolean
  /** Which name of MSC4222 the client used, if it asked for the state after the timeline instead of before it. */
  stateAfter: 'state_after' | 'org.matrix.msc4222.state_after' | undefined
  /** Aborts when the client goes away or the server stops. */
  signal: AbortSignal
}
