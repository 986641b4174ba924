import type { Context } from '#context.ts'
import { filterable } from '#services/rooms/read/filterable.ts'
import { membershipIntervals } from '#services/rooms/read/history-intervals.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { RoomPlace } from '#services/sync/v3/room-places.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'
import { readTimeline } from '#services/sync/v3/timeline.ts'
import { stateText, timelineText } from './joined-room.ts'
import { stateTexts, timelineTexts } from './event-texts.ts'
import { roomState } from './room-state.ts'
import type { UserId } from '#protocol/ids.ts'

type LeftRoom = { place: RoomPlace; room: LiveRoom; accountData: readonly string[] }

/**
 * JSON text of a room the user left, up to her leaving. Her leave event is always told, also where she rejected an
 * invite or was banned later; of the room she learns no more than she could see while she was in it.
 */
export async function leftRoom(
  ctx: Context,
  moment: SyncMoment,
  { place, room, accountData }: LeftRoom,
): Promise<string> {
  const { request } = moment
  const since = place.isNew ? undefined : request.since?.events
  const upTo = await endOfStay(ctx, room, { userId: request.userId, upTo: place.position })
  const timeline = await readTimeline(ctx, room, {
    userId: request.userId,
    after: since ?? 0,
    upTo,
    filter: request.filter.timeline,
    ignored: moment.ignored,
  })
  const after = request.fullState ? undefined : since
  const state = upTo === 0 ? [] : await roomState(ctx, moment, { room, timeline, after, upTo })
  const leaving = upTo < place.position ? await leaveEvent(ctx, moment, place) : []
  const [timelineJson, stateJson] = await Promise.all([
    timelineTexts(ctx, moment, { room, events: [...timeline.events, ...leaving] }),
    stateTexts(ctx, moment, { room, events: state }),
  ])
  const parts = [
    `"timeline":${timelineText(timeline, timelineJson, place.position)}`,
    stateText(moment, stateJson),
    `"account_data":{"events":[${accountData.join(',')}]}`,
  ]
  return `{${parts.join(',')}}`
}

/** Where the user's last stay in the room ended; 0 when she never was in it. */
async function endOfStay(
  ctx: Context,
  room: LiveRoom,
  { userId, upTo }: { userId: UserId; upTo: number },
): Promise<number> {
  const all = await membershipIntervals(ctx, room, { userId, since: 0 })
  const intervals = all.filter(({ from }) => from <= upTo)
  const lastJoin = intervals.findLastIndex(({ value }) => value === 'join')
  return lastJoin === -1 ? 0 : (intervals[lastJoin + 1]?.from ?? upTo)
}

/** The event that made the user's place in the room what it is, if she wants to hear of such. */
async function leaveEvent(ctx: Context, { request }: SyncMoment, place: RoomPlace): Promise<StoredEvent[]> {
  const { timeline } = request.filter
  if (timeline.matchesNothing || !timeline.matchesRoom(place.roomId)) return []
  const key = ['m.room.member', request.userId] as const
  const event = await ctx.store.rooms.state.holderAt(place.roomNid, key, place.position)
  return event && timeline.matches(filterable(event)) ? [event] : []
}
