import type { Context } from '#context.ts'
import { readWindow, type Window } from '#services/rooms/read/read-window.ts'
import type { UserId } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'

export type RoomSpan = {
  room: LiveRoom
  /** The client knows the timeline up to this position. */
  after: number
  /** Position of the state that the client has; undefined: it gets all state. */
  knownAt: number | undefined
  upTo: number
  /** Members came that were not known before: those that were sent may be others. */
  isCompleted?: boolean
  /** Whom the summary of this answer names. */
  heroes?: readonly UserId[] | undefined
}

/** The events and state of a room in this response. */
export function roomWindow(ctx: Context, moment: SyncMoment, span: RoomSpan): Promise<Window> {
  const { request, ignored, loader } = moment
  const { room, after, knownAt, upTo } = span
  const { filter } = request
  return readWindow(
    ctx,
    { room, userId: request.userId, ignored },
    {
      after,
      upTo,
      timeline: filter.timeline,
      state: {
        filter: filter.state,
        knownAt,
        isAfter: request.stateAfter !== undefined,
        lazyMembers: filter.state.lazyLoadMembers ? lazyMembers(ctx, moment, span) : undefined,
      },
      loader,
    },
  )
}

/** Senders in the timeline, heroes and, in a new room, the reader, unless the device knows them already. */
const lazyMembers =
  (ctx: Context, { request }: SyncMoment, { room, knownAt, upTo, isCompleted, heroes = [] }: RoomSpan) =>
  (senders: readonly UserId[], isLimited: boolean): readonly UserId[] => {
    const { userId, deviceId, filter } = request
    const device = `${userId} ${deviceId ?? ''}`
    const wanted = [...new Set([...senders, ...heroes, ...(knownAt === undefined ? [userId] : [])])]
    if (knownAt === undefined || isLimited || isCompleted) ctx.lazyMembers.forget(device, room.roomId)
    return filter.state.includeRedundantMembers
      ? wanted
      : ctx.lazyMembers.take([device, room.roomId], wanted, { since: knownAt ?? 0, upTo })
  }
