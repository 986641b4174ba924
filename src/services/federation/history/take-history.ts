import { prevEventIds } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { authorizeByAuthEvents, createIdOf, loadJudged } from '#services/federation/receive/check-auth-events.ts'
import type { CheckedEvent } from '#services/federation/receive/checked-event.ts'
import { inOrder } from '#services/federation/receive/in-order.ts'
import type { ReceiveNeeds } from '#services/federation/receive/ports.ts'
import { storeOutliers } from '#services/federation/receive/store-outliers.ts'
import { authEventIdsWithCreate } from '#services/rooms/events/describe-event.ts'
import type { LockedRoom } from '#services/rooms/live/live-room.ts'
import type { RoomTurn } from '#services/rooms/live/room-turn.ts'
import { isInTimeline } from '#services/rooms/state/state-before.ts'
import { persistHistory } from '#services/rooms/write/persist-history.ts'
import { earlyRedactionOf, redactionBy } from '#services/rooms/write/redactions.ts'
import type { HistoryGap } from '#store/rooms/history-gaps.ts'
import type { FetchedHistory } from './fetch-history.ts'

/**
 * Puts fetched events into a gap, the newest first, each below the one before: only events that those above it follow,
 * and that their auth events allow. So whenever this ends, the gap begins where the events that are here end. State goes
 * into the auth index first, as outliers. Answers how many events came in.
 *
 * Checks 5 and 6 are left out: the state before events of the past is not known. What an accepted event follows was
 * accepted by the server that followed it, and none of it becomes state here.
 */
export async function takeHistory(
  ctx: ReceiveNeeds,
  turn: RoomTurn,
  { room, gap, fetched }: { room: LockedRoom; gap: HistoryGap; fetched: FetchedHistory },
): Promise<number> {
  const ordered = await inOrder(fetched.events, room.version)
  const state = ordered.filter(({ pdu }) => pdu.state_key !== undefined && pdu.type !== 'm.room.create')
  const outliers = new Map([...fetched.authEvents.values(), ...state].map((event) => [event.eventId, event]))
  await storeOutliers(ctx, room, await inOrder(outliers, room.version))
  const edges = new Set(gap.edges)
  let next = gap.nextPosition
  let redactsState = false
  try {
    for (const event of ordered.toReversed()) {
      if (next < gap.firstPosition) break
      if (!edges.has(event.eventId)) continue
      edges.delete(event.eventId)
      const step = await stepTo(ctx, room, { event, edges })
      // What cannot be judged yet may be had elsewhere.
      if (step === 'unresolved') edges.add(event.eventId)
      if (!step || step === 'unresolved') continue
      redactsState ||= step.redaction !== undefined
      for (const id of step.below) edges.add(id)
      const after = { position: gap.position, nextPosition: next - 1, edges: [...edges] }
      const { movesFrom, redaction, awaits, redacted } = step
      await persistHistory(ctx, room, {
        ...event,
        position: next--,
        gap: after,
        movesFrom,
        redaction,
        awaits,
        redacted,
      })
    }
  } finally {
    // What readers keep of the room begins below what came in.
    room.dropRecent()
    if (redactsState) await turn.drop()
  }
  return gap.nextPosition - next
}

type Step = { event: CheckedEvent; edges: ReadonlySet<EventId> }

/** How the event comes in, and what comes next below it; undefined where it does not. */
async function stepTo(ctx: ReceiveNeeds, room: LockedRoom, { event, edges }: Step) {
  const { pdu, eventId } = event
  const prevs = prevEventIds(pdu, room.version)
  const create = createIdOf(pdu, room.version)
  const cited = [...authEventIdsWithCreate(pdu, room.version), ...(create ? [create] : [])]
  const stored = new Map((await ctx.store.rooms.events.findMany([eventId, ...prevs])).map((one) => [one.eventId, one]))
  const own = stored.get(eventId)
  if (own && (own.roomNid !== room.nid || own.status === 'rejected' || isInTimeline(own))) return undefined
  const judged = authorizeByAuthEvents(pdu, room.version, await loadJudged(ctx, room, cited))
  if ('missing' in judged) return 'unresolved'
  if (judged.rejection) return undefined
  const isHere = (id: EventId) => {
    const prev = stored.get(id)
    return prev !== undefined && (isInTimeline(prev) || prev.status === 'rejected')
  }
  const below = [...new Set(prevs)].filter((id) => !isHere(id) && !edges.has(id))
  const effect = pdu.type === 'm.room.redaction' ? await redactionBy(ctx, room, pdu) : {}
  const former = own?.redactedBy
  const redacted =
    own && former
      ? { clientJson: own.clientJson, graphJson: own.graphJson, by: former }
      : await earlyRedactionOf(ctx, room, event)
  return { below, movesFrom: own?.position, redacted, redaction: undefined, awaits: undefined, ...effect }
}
