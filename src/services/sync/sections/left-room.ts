import type { Context } from '#context.ts'
import type { RoomLine } from '#services/rooms/room-line.ts'
import type { RoomPlace } from '../room-places.ts'
import type { SyncMoment } from '../sync-moment.ts'
import { readTimeline } from '../timeline.ts'
import { stateText, timelineText } from './joined-room.ts'
import { stateTexts, timelineTexts } from './event-texts.ts'
import { roomState } from './room-state.ts'

type LeftRoom = { place: RoomPlace; line: RoomLine; accountData: readonly string[] }

/** JSON text of a room the user left, up to her leaving. */
export async function leftRoom(
  ctx: Context,
  moment: SyncMoment,
  { place, line, accountData }: LeftRoom,
): Promise<string> {
  const { request } = moment
  const since = place.isNew ? undefined : request.since?.events
  const upTo = place.position
  const timeline = await readTimeline(ctx, line, {
    userId: request.userId,
    after: since ?? 0,
    upTo,
    filter: request.filter.timeline,
  })
  const after = request.fullState ? undefined : since
  const state = await roomState(ctx, moment, { line, timeline, after, upTo })
  const [timelineJson, stateJson] = await Promise.all([
    timelineTexts(ctx, moment, { line, events: timeline.events }),
    stateTexts(ctx, moment, { line, events: state }),
  ])
  const parts = [
    `"timeline":${timelineText(timeline, timelineJson, upTo)}`,
    stateText(moment, stateJson),
    `"account_data":{"events":[${accountData.join(',')}]}`,
  ]
  return `{${parts.join(',')}}`
}
