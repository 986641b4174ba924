import type { Context } from '#context.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { RoomPlace } from '#services/sync/v3/room-places.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'
import { readTimeline, type Timeline } from '#services/sync/v3/timeline.ts'
import { tokenBefore } from '#services/sync/v3/token.ts'
import { roomState } from './room-state.ts'
import { stateTexts, timelineTexts } from './event-texts.ts'
import { roomSummary, summaryMayDiffer } from './room-summary.ts'
import { unreadSection } from './unread.ts'
import type { RoomExtras } from './room-extras.ts'

/** JSON text of one joined room's part of the answer; undefined when there is nothing to tell. */
export async function joinedRoom(
  ctx: Context,
  moment: SyncMoment,
  { place, room, extras }: { place: RoomPlace; room: LiveRoom; extras: RoomExtras },
): Promise<string | undefined> {
  const { request, now } = moment
  const isFull = place.isNew || request.fullState
  const after = place.isNew ? 0 : (request.since?.events ?? 0)
  const hasEvents = room.lastPosition > after
  if (!isFull && !hasEvents && !extras.any) return undefined
  const [read, summary] = await Promise.all([
    readTimeline(ctx, room, {
      userId: request.userId,
      after,
      upTo: now.events,
      filter: request.filter.timeline,
      ignored: moment.ignored,
    }),
    isFull || summaryMayDiffer(room, after) ? roomSummary(moment, room) : undefined,
  ])
  // NOTSPEC: limited even when complete, so that clients drop what they had of the room before they left it.
  const timeline = { ...read, limited: read.limited || (place.isNew && request.since !== undefined) }
  const state =
    isFull || hasEvents
      ? await roomState(ctx, moment, {
          room,
          timeline,
          after: isFull ? undefined : after,
          upTo: now.events,
          heroes: summary?.['m.heroes'],
        })
      : []
  const hasNews = timeline.events.length > 0 || timeline.limited || state.length > 0 || summary !== undefined
  if (!isFull && !hasNews && !extras.any) return undefined
  const [timelineJson, stateJson, unread] = await Promise.all([
    timelineTexts(ctx, moment, { room, events: timeline.events }),
    stateTexts(ctx, moment, { room, events: state }),
    unreadSection(ctx, room, moment),
  ])
  const parts = [
    `"timeline":${timelineText(timeline, timelineJson, now.events)}`,
    stateText(moment, stateJson),
    `"summary":${JSON.stringify(summary ?? {})}`,
    `"ephemeral":{"events":[${extras.ephemeral.join(',')}]}`,
    `"account_data":{"events":[${extras.accountData.join(',')}]}`,
    unread,
  ]
  return `{${parts.join(',')}}`
}

/** A token to page back from stands even in an empty timeline. */
export const timelineText = ({ events: [first], limited }: Timeline, json: readonly string[], upTo: number): string =>
  `{"events":[${json.join(',')}],"limited":${limited},"prev_batch":"${tokenBefore(first?.position ?? upTo + 1)}"}`

/** Under the name the client asked for; the older draft of MSC4222 is what clients still read. */
export function stateText({ request: { stateAfter } }: SyncMoment, json: readonly string[]): string {
  const events = `{"events":[${json.join(',')}]}`
  return stateAfter ? `"${stateAfter}":${events}` : `"state":${events}`
}
