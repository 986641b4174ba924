import type { Context } from '#context.ts'
import { onlyFields } from '#protocol/events/client-event.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { renderEvents, renderState, type Viewer } from '#services/rooms/read/render-events.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'

type Events = { room: LiveRoom; events: readonly StoredEvent[] }

/** JSON texts of timeline events, cut to the fields the filter names. */
export const timelineTexts = async (ctx: Context, moment: SyncMoment, { room, events }: Events): Promise<string[]> =>
  cut(moment, await renderEvents(ctx, viewerOf(moment, room), events))

/** JSON texts of state events, without what they replaced. */
export const stateTexts = async (ctx: Context, moment: SyncMoment, { room, events }: Events): Promise<string[]> =>
  cut(moment, await renderState(ctx, viewerOf(moment, room), events))

/** The texts one after another: put together without copying, which only the whole answer is, once, as it is sent. */
export function listed(texts: readonly string[]): string {
  let list = ''
  for (const text of texts) list = list === '' ? text : `${list},${text}`
  return list
}

const viewerOf = ({ request: { userId, deviceId }, ignored }: SyncMoment, room: LiveRoom): Viewer => ({
  room,
  userId,
  ignored,
  deviceId,
  withRoomId: false,
})

function cut({ request: { filter } }: SyncMoment, texts: string[]): string[] {
  const fields = filter.eventFields
  return fields ? texts.map((text) => JSON.stringify(onlyFields(JSON.parse(text) as JsonObject, fields))) : texts
}
