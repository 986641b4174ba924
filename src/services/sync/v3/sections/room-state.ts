import type { Context } from '#context.ts'
import { filterable } from '#services/rooms/read/filterable.ts'
import type { StateEntry, LiveRoom } from '#services/rooms/live/live-room.ts'
import { stateAtPosition } from '#services/rooms/state/state-at-position.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'
import type { Timeline } from '#services/sync/v3/timeline.ts'

const member = 'm.room.member'

export type StateSpan = {
  room: LiveRoom
  timeline: Timeline
  /** Position the client knows the state of; undefined: it is told all state. */
  after: number | undefined
  upTo: number
  /** Whom the summary of this answer names. */
  heroes?: readonly string[] | undefined
}

/** The state that the client needs beside the timeline: before it, or after it when asked so (MSC4222). */
export async function roomState(ctx: Context, moment: SyncMoment, interval: StateSpan): Promise<StoredEvent[]> {
  const { filter, stateAfter } = moment.request
  if (filter.state.matchesNothing || !filter.state.matchesRoom(interval.room.roomId)) return []
  const place = { ...interval, position: stateAfter ? interval.upTo : interval.timeline.startsAfter }
  const events = await (interval.after === undefined ? allState(ctx, moment, place) : changedState(ctx, moment, place))
  const members = filter.state.lazyLoadMembers ? await lazyMembers(ctx, moment, place) : []
  const unique = new Map([...events, ...members].map((event) => [event.eventId, event]))
  return [...unique.values()].filter((event) => filter.state.matches(filterable(event)))
}

/** The span, and the position at which the client is told the state. */
type Place = StateSpan & { position: number }

function allState(ctx: Context, { request, loader }: SyncMoment, { room, position }: Place): Promise<StoredEvent[]> {
  const isLazy = request.filter.state.lazyLoadMembers
  const entries: StateEntry[] = []
  for (const entry of room.state.values()) if (!isLazy || entry.type !== member) entries.push(entry)
  return stateAtPosition({ ...ctx, loader }, room, { position, entries })
}

/** Nothing when the timeline tells every change itself. */
async function changedState(ctx: Context, { request }: SyncMoment, place: Place): Promise<StoredEvent[]> {
  const { room, after = 0, position } = place
  if (position <= after) return []
  const changes = changesInMemory(place) ?? (await ctx.store.rooms.state.changes([room.nid ?? 0], after, position))
  return request.filter.state.lazyLoadMembers && !request.stateAfter
    ? changes.filter(({ type, stateKey }) => type !== member || stateKey === request.userId)
    : changes
}

/** The last event of each key in the stretch, when the line remembers all of it. */
function changesInMemory({ room, after = 0, position: upTo }: Place): StoredEvent[] | undefined {
  if (room.recentFrom > after || room.plainSince > after) return undefined
  const changes = new Map<string, StoredEvent>()
  for (const event of room.recent)
    if (event.stateKey !== null && event.position > after && event.position <= upTo)
      changes.set(`${event.type}\0${event.stateKey}`, event)
  return [...changes.values()]
}

/** The member events of those who speak in the timeline, of heroes, and in a new room of the reader herself. */
function lazyMembers(ctx: Context, { request, loader }: SyncMoment, place: Place): Promise<StoredEvent[]> {
  const { room, timeline, after, upTo, position, heroes = [] } = place
  const { userId, deviceId, filter } = request
  const device = `${userId} ${deviceId ?? ''}`
  const wanted = new Set([...timeline.events.map(({ sender }) => sender), ...heroes])
  if (after === undefined) wanted.add(userId)
  if (after === undefined || timeline.limited) ctx.lazyMembers.forget(device, room.roomId)
  const untold = filter.state.includeRedundantMembers
    ? [...wanted]
    : ctx.lazyMembers.take([device, room.roomId], [...wanted], { since: after ?? 0, upTo })
  const entries = untold.map((user) => room.entry(member, user)).filter((entry) => entry !== undefined)
  return stateAtPosition({ ...ctx, loader }, room, { position, entries })
}
