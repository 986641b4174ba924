import { setImmediate as nextTurn } from 'node:timers/promises'
import { authEventIds } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { describeEvent, authEventIdsWithCreate } from '#services/rooms/events/describe-event.ts'
import type { LiveRoom, LockedRoom } from '#services/rooms/live/live-room.ts'
import type { EventWrite } from '#store/rooms/room-write.ts'
import {
  authorizeByAuthEvents,
  createIdOf,
  type FindJudged,
  type JudgedEvent,
  loadJudged,
} from './check-auth-events.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { ReceiveNeeds } from './ports.ts'
import { inSlices } from '#base/in-slices.ts'

const batchSize = 200

/**
 * Stores auth events of others as outliers, outside of the timeline: each is judged by its own auth events, which must
 * come before it or be stored already. An event whose auth events are not all there is left out.
 */
export async function storeOutliers(
  ctx: Pick<ReceiveNeeds, 'store'>,
  room: LockedRoom,
  events: readonly CheckedEvent[],
): Promise<void> {
  for (const slice of inSlices(events, batchSize)) await storeBatch(ctx, room, slice)
}

async function storeBatch(
  ctx: Pick<ReceiveNeeds, 'store'>,
  room: LockedRoom,
  events: readonly CheckedEvent[],
): Promise<void> {
  const ids = new Set(events.flatMap(({ pdu, eventId }) => [eventId, ...authEventIds(pdu, room.version)]))
  for (const { pdu } of events) ids.add(createIdOf(pdu, room.version) ?? '$')
  const findStored = await loadJudged(ctx, room, [...ids])
  // Reading, judging and writing so many take their time, each in a turn of its own.
  await nextTurn()
  const judged = new Map<EventId, JudgedEvent>()
  const find: FindJudged = (id) => judged.get(id) ?? findStored(id)
  const writes: EventWrite[] = []
  for (const event of events) {
    if (find(event.eventId)) continue
    const verdict = authorizeByAuthEvents(event.pdu, room.version, find)
    if ('missing' in verdict) continue
    judged.set(event.eventId, { pdu: event.pdu, isRejected: verdict.rejection !== undefined })
    writes.push(outlierOf(room, event, verdict.rejection !== undefined))
  }
  await nextTurn()
  if (writes.length === 0) return
  try {
    await write(ctx, room, writes)
  } catch (error) {
    const stored = await ctx.store.rooms.events.findMany(writes.map(({ eventId }) => eventId))
    if (stored.length === 0) throw error
    // Another process was faster with these: what is left is written without them.
    await storeBatch(ctx, room, events)
  }
}

function outlierOf(room: LiveRoom, { pdu, eventId }: CheckedEvent, isRejected: boolean): EventWrite {
  const isIndexed = !isRejected && pdu.state_key !== undefined
  return {
    ...describeEvent({ pdu, eventId }),
    relation: undefined,
    status: isRejected ? 'rejected' : 'outlier',
    isOutlier: true,
    authIds: isIndexed ? authEventIdsWithCreate(pdu, room.version) : undefined,
  }
}

async function write({ store }: Pick<ReceiveNeeds, 'store'>, room: LockedRoom, events: EventWrite[]): Promise<void> {
  const { roomId, version, nid, forwardExtremities, depth, lastPosition } = room
  const opened = { roomId, version: version.id, nid, forwardExtremities, depth, lastPosition }
  await store.eventWriter.write({ ...opened, revision: undefined, events }, () => {})
}
