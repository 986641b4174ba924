import type { Context } from '#context.ts'
import type { Window } from '#services/rooms/read/read-window.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { SyncRoom } from '#services/sync/v3/sync-rooms.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'
import { tokenBefore } from '#services/sync/v3/token.ts'
import { listed, stateTexts, timelineTexts } from './event-texts.ts'
import { roomSummary, summaryMayDiffer } from './room-summary.ts'
import { roomWindow } from './room-window.ts'
import { unreadSection } from './unread.ts'
import type { RoomExtras } from './room-extras.ts'

type JoinedRoom = { syncRoom: SyncRoom; room: LiveRoom; extras: RoomExtras }

/** JSON text of one joined room; undefined when nothing has changed. */
export async function joinedRoom(
  ctx: Context,
  moment: SyncMoment,
  { syncRoom, room, extras }: JoinedRoom,
): Promise<string | undefined> {
  const { request, now } = moment
  const isLazy = request.filter.state.lazyLoadMembers
  // Who wants all members gets the room once they are here; the others, what they say of it in sum.
  if (room.isPartial && !isLazy) return undefined
  const completedAt = room.partial?.completedAt ?? 0
  const isCompleted = request.since !== undefined && completedAt > request.since.events && completedAt <= now.events
  const isNew = syncRoom.isNew || (isCompleted && !isLazy)
  const isFull = isNew || request.fullState
  const after = isNew ? 0 : (request.since?.events ?? 0)
  const hasEvents = room.lastPosition > after
  if (!isFull && !hasEvents && !isCompleted && !extras.any && !moment.settingsMoved) return undefined
  const summary = isFull || isCompleted || summaryMayDiffer(room, after) ? await roomSummary(moment, room) : undefined
  const heroes = summary?.['m.heroes']
  const knownAt = isFull ? undefined : after
  const [window, unread] = await Promise.all([
    isFull || hasEvents
      ? roomWindow(ctx, moment, { room, after, knownAt, upTo: now.events, isCompleted, heroes })
      : nothing,
    unreadSection(ctx, room, moment),
  ])
  const hasNews = window.events.length > 0 || window.limited || window.state.length > 0 || summary !== undefined
  if (!isFull && !hasNews && !extras.any && !unread.isNews) return undefined
  unread.markSent()
  // NOTSPEC: limited even when complete, so that clients drop what they had of the room before they left it.
  const limited = window.limited || (isNew && request.since !== undefined)
  const [timelineJson, stateJson] = await Promise.all([
    timelineTexts(ctx, moment, { room, events: window.events }),
    stateTexts(ctx, moment, { room, events: window.state }),
  ])
  return (
    `{"timeline":${timelineText({ ...window, limited }, timelineJson, now.events)},` +
    `${stateText(moment, stateJson)},"summary":${JSON.stringify(summary ?? {})},` +
    `"ephemeral":{"events":[${listed(extras.ephemeral)}]},` +
    `"account_data":{"events":[${listed(extras.accountData)}]},${unread.json}}`
  )
}

const nothing: Window = { events: [], limited: false, state: [], leftOut: [] }

/** `prev_batch` is present even in an empty timeline. */
export const timelineText = (
  { events: [first], limited }: Pick<Window, 'events' | 'limited'>,
  json: readonly string[],
  upTo: number,
): string =>
  `{"events":[${listed(json)}],"limited":${limited},"prev_batch":"${tokenBefore(first?.position ?? upTo + 1)}"}`

/** Under the name the client asked for; the older draft of MSC4222 is what clients still read. */
export function stateText({ request: { stateAfter } }: SyncMoment, json: readonly string[]): string {
  const events = `{"events":[${listed(json)}]}`
  return stateAfter ? `"${stateAfter}":${events}` : `"state":${events}`
}
