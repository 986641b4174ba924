import { authorize } from '#protocol/auth-rules/authorize.ts'
import { stateFrom } from '#protocol/auth-rules/rejection.ts'
import { authEventIds, prevEventIds, type Pdu } from '#protocol/events/event.ts'
import { serverOf, type EventId } from '#protocol/ids.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import type { LiveRoom, LockedRoom } from '#services/rooms/live/live-room.ts'
import { loadParents, planBranch, stateFollowing } from '#services/rooms/state/plan-branch.ts'
import { currentStateAt, diffFromCurrent, hasState, stateBefore } from '#services/rooms/state/state-before.ts'
import { differenceOf, entryIn, type StateDiff } from '#services/rooms/state/state-diff.ts'
import type { Branch } from '#store/rooms/event-branches.ts'
import type { EventStatus, GraphEvent } from '#store/rooms/events.ts'
import type { Correction } from '#store/rooms/room-write.ts'
import { authorizeByAuthEvents, createIdOf, loadJudged } from './check-auth-events.ts'
import { authStateIn, keysAsked } from './check-state.ts'
import { enterEvent } from './enter-event.ts'
import type { ReceiveNeeds } from './ports.ts'

/** So many events are judged before others of the room have their turn. */
const sliceSize = 200

/** An event that was judged again. */
export type Judged = { prevs: readonly EventId[]; isAccepted: boolean }

/** How far the events that came while members were missing are judged again. */
export type Review = {
  /** Of the last of them. */
  position: number
  /** From where on others follow that are to be judged by members which are still missing. */
  readonly until: number
  /** Whether the state before those that follow may be another than it was taken for. */
  isDoubtful: boolean
  readonly judged: Map<EventId, Judged>
}

export const reviewAfter = ({ eventId, position }: GraphEvent, until: number): Review => ({
  position,
  until,
  isDoubtful: false,
  judged: new Map([[eventId, { prevs: [], isAccepted: true }]]),
})

type Options = { review: Review; correct(correction: Correction): Promise<void> }

/**
 * Judges the next events of a room again, by the members that were missing when they came: those that the rules do not
 * allow are rejected, and what was rejected wrongly is received again. False where none are left.
 */
export async function judgeNext(ctx: ReceiveNeeds, room: LockedRoom, { review, correct }: Options): Promise<boolean> {
  const { position: after, until } = review
  const events = await ctx.store.rooms.check.events(room.nid ?? 0, { after, limit: sliceSize })
  for (const event of events) {
    if (event.position >= until) return false
    review.position = event.position
    if (event.isHistory) continue
    const status = await judgeAgain(ctx, room, { event, review, correct })
    const pdu = storedPdu(event, room)
    review.judged.set(event.eventId, { prevs: prevEventIds(pdu, room.version), isAccepted: status === 'accepted' })
    if (status !== 'accepted' && event.stateKey !== null) review.isDoubtful = true
  }
  return events.length === sliceSize
}

async function judgeAgain(
  ctx: ReceiveNeeds,
  room: LockedRoom,
  { event, review, correct }: Options & { event: GraphEvent },
): Promise<EventStatus> {
  const { position, status } = event
  const pdu = storedPdu(event, room)
  const { before, branch } = await stateBeforeAgain(ctx, room, { event, pdu, isDoubtful: review.isDoubtful })
  if (branch) review.isDoubtful = true
  const judgement = await statusOf(ctx, room, { event, pdu, before })
  if (status === 'rejected' && (judgement === 'accepted' || judgement === 'soft-failed')) {
    const { outcome } = await enterEvent(ctx, room, { pdu, eventId: event.eventId, readmittedAs: judgement })
    // It has another place now, and comes once more.
    review.isDoubtful = true
    return outcome === 'accepted' || outcome === 'soft-failed' ? outcome : 'rejected'
  }
  // What was soft-failed stays so: its receipt is over.
  const isWorse = status === 'accepted' || judgement === 'rejected'
  const verdict = isWorse ? judgement : status
  if (verdict === status && !branch) return status
  const isRefused = verdict === 'rejected' || verdict === 'soft-failed'
  await correct({ position, branch, status: verdict !== status && isRefused ? verdict : undefined })
  return verdict
}

type Before = { before: StateDiff; branch: Branch | undefined }

/** The state before an event, and how it is stored where it is not what it was taken for. */
async function stateBeforeAgain(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  { event, pdu, isDoubtful }: { event: GraphEvent; pdu: Pdu; isDoubtful: boolean },
): Promise<Before> {
  const stored = await diffFromCurrent(ctx, room, await stateBefore(ctx, event))
  const prevIds = [...new Set(prevEventIds(pdu, room.version))]
  const known = { before: stored, branch: undefined }
  if (!isDoubtful && prevIds.length < 2) return known
  const prevs = (await ctx.store.rooms.events.findMany(prevIds)).filter(
    (one) => one.roomNid === room.nid && hasState(room, one),
  )
  // Behind a gap the state is as another server gave it.
  if (prevs.length < prevIds.length) return known
  const before = await stateFollowing(ctx, room, await loadParents(ctx, room, prevs))
  if (differenceOf(room, stored, before).size === 0) return known
  return { before, branch: planBranch(room, before, []) }
}

type Judging = { event: GraphEvent; pdu: Pdu; before: StateDiff }

/** Checks 4 to 6. */
async function statusOf(ctx: ReceiveNeeds, room: LiveRoom, judging: Judging): Promise<EventStatus> {
  const { event, pdu, before } = judging
  // What a redaction took away may have been what allowed it.
  if (pdu.type === 'm.room.create' || event.redactedBy !== null) return event.status
  const create = createIdOf(pdu, room.version)
  const cited = [...authEventIds(pdu, room.version), ...(create ? [create] : [])]
  const byAuthEvents = authorizeByAuthEvents(pdu, room.version, await loadJudged(ctx, room, cited))
  if ('missing' in byAuthEvents) return event.status
  const state = await authStateIn(ctx, room, { pdu, before })
  if (byAuthEvents.rejection ?? authorize(pdu, room.version, state)) return 'rejected'
  if (isLetIn(ctx, pdu)) return 'accepted'
  return (await isAllowedByLine(ctx, room, judging)) ? 'accepted' : 'soft-failed'
}

/** A join of our own was let in by what a server of the room knew. */
const isLetIn = ({ signingKey }: ReceiveNeeds, { type, content, sender }: Pdu): boolean =>
  type === 'm.room.member' && content.membership === 'join' && serverOf(sender) === signingKey.serverName

/** By the current state when it came; where that holds what was rejected since, by what came before. */
async function isAllowedByLine(ctx: ReceiveNeeds, room: LiveRoom, { event, pdu, before }: Judging): Promise<boolean> {
  const line = await diffFromCurrent(ctx, room, currentStateAt(event.position - 1))
  const keys = keysAsked(pdu, room).map((key) => [entryIn(room, line, key), entryIn(room, before, key)] as const)
  if (keys.every(([present, past]) => present === past)) return true
  const found = await ctx.store.rooms.events.findMany(keys.flat().filter((id) => id !== undefined))
  const held = new Map(found.flatMap((one) => (one.status === 'rejected' ? [] : [[one.eventId, one] as const])))
  const state = keys.flatMap(([present, past]) => (present && held.get(present)) ?? (past && held.get(past)) ?? [])
  return authorize(pdu, room.version, stateFrom(state.map((one) => storedPdu(one, room)))) === undefined
}
