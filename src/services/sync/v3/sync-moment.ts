import type { EventLoader } from '#services/rooms/events/event-loader.ts'
import type { SyncStream } from '#services/sync/streams.ts'
import type { SyncRequest } from './sync-request.ts'
import type { SyncToken } from './token.ts'
import type { UserId } from '#protocol/ids.ts'

/** One answer in the making: what was asked, and the moment it speaks of. */
export type SyncMoment = {
  request: SyncRequest
  /** The token that the answer will carry: nothing later is told. */
  now: SyncToken
  /** The streams that may hold something new: nothing else is read. */
  streams: ReadonlySet<SyncStream>
  loader: EventLoader
  /** Of whom the user wants to hear nothing but state. */
  ignored: ReadonlySet<UserId>
  /** Who may share a room with the user, or no longer share one, since the token. */
  moved: Promise<readonly UserId[]>
}
