import type { EventLoader } from '#services/rooms/events/event-loader.ts'
import type { SyncStream } from '#services/sync/streams.ts'
import type { SyncRequest } from './sync-request.ts'
import type { SyncToken } from './token.ts'
import type { UserId } from '#protocol/ids.ts'

/** One answer in the making: what was asked, and the moment it speaks of. */
export type SyncMoment = {
  request: SyncRequest
  /** The position of the response's token: nothing later is included. */
  now: SyncToken
  /** The streams that may hold something new: nothing else is read. */
  streams: ReadonlySet<SyncStream>
  loader: EventLoader
  /** Ignored users: only their state events are included. */
  ignored: ReadonlySet<UserId>
  /**
   * Whether the user's push rules or ignored users changed since the token: then the unread counts of all rooms, and
   * which invites are shown, may differ without new events.
   */
  settingsMoved: boolean
  /** Who may share a room with the user, or no longer share one, since the token. */
  moved: Promise<readonly UserId[]>
}
