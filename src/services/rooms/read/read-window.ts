import type { Context } from '#context.ts'
import type { CompiledRoomEventFilter } from '#protocol/filters/filter.ts'
import type { EventId } from '#protocol/ids.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { EventLoader } from '#services/rooms/events/event-loader.ts'
import { nidOf } from './history-intervals.ts'
import { missingBelow } from './missing-below.ts'
import { ofCurrentRoom } from './open-reading.ts'
import type { Reader } from './readable.ts'
import { readTimeline, type LeftOut } from './timeline.ts'
import { afterStale, keyOfEvent, type Placed } from './window.ts'
import { windowState, type WantedState } from './window-state.ts'

/** The end of a room's timeline, as a client gets it. */
export type WindowRequest = {
  /** The client knows the timeline up to this position. */
  after: number
  /** Nothing later is included. */
  upTo: number
  timeline: CompiledRoomEventFilter
  state: WantedState
  loader: EventLoader
}

/** After `state` and then `events` the client knows the room's state at the end, whatever was left out. */
export type Window = {
  /** Oldest first. */
  events: readonly StoredEvent[]
  /** Whether more events for the reader may lie between `after` and the first one. */
  limited: boolean
  state: StoredEvent[]
  /** What was passed over among the events looked at. */
  leftOut: readonly LeftOut[]
}

type Needs = Pick<Context, 'store'>

/** How many events one room's window may cost; the client pages back for the rest. */
const maxRead = 1000

/** The newest events that are for the reader, and the state that belongs beside them. */
export async function readWindow(ctx: Needs, reader: Reader, request: WindowRequest): Promise<Window> {
  const { after, upTo, timeline, state } = request
  const { room } = reader
  const read = await readTimeline(
    ctx,
    { ...reader, ...ofCurrentRoom },
    { from: upTo, to: after, direction: 'backwards', limit: timeline.limit, filter: timeline, maxRead },
  )
  // What lies beyond missing history is not the end of the timeline: who pages back from here gets what is missing.
  const missing = await missingBelow(ctx, room, { events: read.items, after, upTo })
  const shown = read.items.reverse().filter(({ position }) => position > missing)
  const isWanted = timeline.matchesRoom(room.roomId) && !timeline.matchesNothing
  const holders = state.isAfter ? undefined : await endHolders(ctx, reader, { shown, upTo })
  const events = holders ? afterStale(shown, (event) => holders.has(event.eventId)) : shown
  const limited = isWanted && (!read.isEnd || missing > 0 || after < room.purgedUpTo || events.length < shown.length)
  const besides = await windowState(ctx, reader, { events, limited, upTo, state, loader: request.loader })
  return { events, limited, state: besides, leftOut: read.leftOut }
}

/** Of some state events those that hold their keys at a position: from memory but where the room has moved on since. */
async function endHolders(
  { store }: Needs,
  { room }: Reader,
  { shown, upTo }: { shown: readonly StoredEvent[]; upTo: number },
): Promise<Set<EventId>> {
  const holders = new Set<EventId>()
  for (const event of shown) {
    const { type, stateKey } = event
    if (stateKey === null) continue
    const entry = room.entry(type, stateKey)
    const holder = entry?.from !== undefined && entry.from <= upTo ? entry : newestOfKey(room, event, upTo)
    const held = holder ?? (await store.rooms.state.eventAt(nidOf(room), [type, stateKey], upTo))
    if (held?.eventId === event.eventId) holders.add(event.eventId)
  }
  return holders
}

/** The last event of the same key up to a position, where memory knows that no other can hold the key then. */
function newestOfKey(
  { recent, recentFrom, plainSince }: Reader['room'],
  event: Placed,
  upTo: number,
): Placed | undefined {
  if (event.position <= Math.max(recentFrom, plainSince)) return undefined
  const key = keyOfEvent(event)
  return recent.findLast((one) => one.position <= upTo && keyOfEvent(one) === key)
}
