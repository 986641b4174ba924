import type { Context } from '#context.ts'
import { showsIn } from '#services/rooms/read/filterable.ts'
import { membershipIntervals, valueAt } from '#services/rooms/read/history-intervals.ts'
import type { Window } from '#services/rooms/read/read-window.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { SyncRoom } from '#services/sync/v3/sync-rooms.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'
import { stateText, timelineText } from './joined-room.ts'
import { stateTexts, timelineTexts } from './event-texts.ts'
import { roomWindow } from './room-window.ts'
import type { UserId } from '#protocol/ids.ts'

type LeftRoom = { syncRoom: SyncRoom; room: LiveRoom; accountData: readonly string[] }

/**
 * JSON text of a room that the user left, up to the leave event. That event is always included, also after a rejected
 * invite or a later ban; other events only as far as the user could see them as a member.
 */
export async function leftRoom(
  ctx: Context,
  moment: SyncMoment,
  { syncRoom, room, accountData }: LeftRoom,
): Promise<string> {
  const { userId, since, fullState } = moment.request
  const stay = await lastStay(ctx, room, { userId, upTo: syncRoom.position, since: since?.events })
  const window = await stayWindow(ctx, moment, { room, stay, isFull: fullState })
  const isTold = (stay?.upTo ?? 0) >= syncRoom.position || (stay && syncRoom.isForgotten)
  const member = isTold ? undefined : await memberEvent(ctx, moment, syncRoom)
  const { filter, stateAfter } = moment.request
  const events = member && showsIn(room.roomId, filter.timeline, member) ? [...window.events, member] : window.events
  const isState = member && stateAfter !== undefined && showsIn(room.roomId, filter.state, member)
  const state = isState ? [...window.state.filter((event) => !isSameState(event, member)), member] : window.state
  const [timelineJson, stateJson] = await Promise.all([
    timelineTexts(ctx, moment, { room, events }),
    stateTexts(ctx, moment, { room, events: state }),
  ])
  const parts = [
    `"timeline":${timelineText(window, timelineJson, syncRoom.position)}`,
    stateText(moment, stateJson),
    `"account_data":{"events":[${accountData.join(',')}]}`,
  ]
  return `{${parts.join(',')}}`
}

/** The user's last stay in a room: where it ended, and up to where the client knows the room, if it does. */
type Stay = { upTo: number; knownAt: number | undefined }

async function stayWindow(
  ctx: Context,
  moment: SyncMoment,
  { room, stay, isFull }: { room: LiveRoom; stay: Stay | undefined; isFull: boolean },
): Promise<Window> {
  if (!stay) return { events: [], limited: false, state: [], leftOut: [] }
  const { upTo, knownAt } = stay
  return roomWindow(ctx, moment, { room, after: knownAt ?? 0, knownAt: isFull ? undefined : knownAt, upTo })
}

/**
 * Undefined when the user never was a member. A client knows the room if the user was or had been in it at its token.
 */
async function lastStay(
  ctx: Context,
  room: LiveRoom,
  { userId, upTo, since }: { userId: UserId; upTo: number; since: number | undefined },
): Promise<Stay | undefined> {
  const all = await membershipIntervals(ctx, room, { userId, since: 0 })
  const intervals = all.filter(({ from }) => from <= upTo)
  const lastJoin = intervals.findLastIndex(({ value }) => value === 'join')
  if (lastJoin === -1) return undefined
  const end = intervals[lastJoin + 1]?.from ?? upTo
  const isKnown = since !== undefined && (since >= end || valueAt(intervals, since) === 'join')
  return { upTo: end, knownAt: isKnown ? since : undefined }
}

/** The event that gave the user the membership. */
const memberEvent = (
  ctx: Context,
  { request: { userId } }: SyncMoment,
  { roomNid, position }: SyncRoom,
): Promise<StoredEvent | undefined> => ctx.store.rooms.state.eventAt(roomNid, ['m.room.member', userId], position)

const isSameState = (one: StoredEvent, other: StoredEvent): boolean =>
  one.type === other.type && one.stateKey === other.stateKey
