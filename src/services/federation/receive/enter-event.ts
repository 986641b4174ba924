import { setImmediate as nextTurn } from 'node:timers/promises'
import { authEventIds, prevEventIds, type Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { Rejection } from '#protocol/auth-rules/rejection.ts'
import { persistReceived, type Received } from '#services/rooms/write/persist-received.ts'
import { earlyRedactionOf, redactionBy } from '#services/rooms/write/redactions.ts'
import { stateTransition, plainTransition } from '#services/rooms/state/state-transition.ts'
import { loadParents, ownBranch, planBranch, stateFollowing } from '#services/rooms/state/plan-branch.ts'
import { resolveStates } from '#services/rooms/state/resolve-states.ts'
import type { LiveRoom, LockedRoom } from '#services/rooms/live/live-room.ts'
import { hasState, isInTimeline } from '#services/rooms/state/state-before.ts'
import type { StateDiff } from '#services/rooms/state/state-diff.ts'
import type { Branch } from '#store/rooms/event-branches.ts'
import type { GraphEvent } from '#store/rooms/events.ts'
import {
  authorizeByAuthEvents,
  createIdOf,
  judgedAsStored,
  judgedInState,
  type FindJudged,
} from './check-auth-events.ts'
import { checkCurrentState, checkPolicy, checkServerAcl, checkStateBefore } from './check-state.ts'
import { claimedStateDiff } from './claimed-state.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { ReceiveResult, ReceiveNeeds } from './ports.ts'

/** An event that passed checks 1 to 3, and where its previous events are missing, the state before it as another server claims. */
export type Entering = CheckedEvent & {
  claimed?: readonly EventId[] | undefined
  /** A membership that a server of the room let in for us: what we know of the present state may be long past. */
  isLetIn?: boolean
  /** It was rejected, and that was wrong: what it is by the state that was current when it came. */
  readmittedAs?: 'accepted' | 'soft-failed'
}

/**
 * Checks 4 to 7, then the event is written; the room must be settled. What is missing is not fetched here, and leaves the
 * event unresolved; only the Policy Server is asked.
 */
export async function enterEvent(ctx: ReceiveNeeds, room: LockedRoom, event: Entering): Promise<ReceiveResult> {
  const { pdu, eventId } = event
  const { stored, findJudged, prevs } = await loadCited(ctx, room, event)
  if (stored && stored.roomNid !== room.nid) return { eventId, outcome: 'dropped', reason: 'The id is taken' }
  const isRefused = event.readmittedAs !== undefined && stored?.status === 'rejected'
  if (stored && isInTimeline(stored) && !isRefused) return { eventId, outcome: 'known' }
  // NOTSPEC: the rules allow any number of create events, but a second one could only be meant to confuse.
  if (pdu.type === 'm.room.create') return { eventId, outcome: 'dropped', reason: 'The room has a create event' }
  const judged = authorizeByAuthEvents(pdu, room.version, findJudged)
  if ('missing' in judged) return { eventId, outcome: 'unresolved', reason: 'Auth events are missing' }
  if (!prevs) return { eventId, outcome: 'unresolved', reason: 'Previous events are missing' }
  const at = await stateBeforeOf(ctx, room, { event, prevs })
  const rejection = judged.rejection ?? (await judgeBefore(ctx, room, { pdu, at }))
  const soft = rejection || event.isLetIn ? undefined : await judgeNow(ctx, room, { event, at })
  const received = {
    pdu,
    eventId,
    branch: at.branch,
    movesFrom: stored?.position,
    gapEdges: await gapBelow(ctx, room, event),
    transition: undefined,
    redacted: (stored && redactedAlready(stored)) ?? (await earlyRedactionOf(ctx, room, event)),
  }
  if (rejection ?? soft) {
    const status = rejection ? 'rejected' : 'soft-failed'
    await persistReceived(ctx, room, { ...received, status })
    return { eventId, outcome: status, reason: (rejection ?? soft)?.reason ?? '' }
  }
  await persistReceived(ctx, room, await acceptance(ctx, room, { received, at, prevs }))
  return { eventId, outcome: 'accepted' }
}

const citedBy = (pdu: Pdu, { version }: LiveRoom): EventId[] => {
  const create = createIdOf(pdu, version)
  return [...authEventIds(pdu, version), ...(create ? [create] : [])]
}

/** What is known here of the events that an event is about. */
type Cited = {
  /** Itself, as it came before. */
  stored: GraphEvent | undefined
  findJudged: FindJudged
  /** Its previous events, where all of them are in the timeline; with a claimed state those that are. */
  prevs: Previous | undefined
}

/** `line`: all forward extremities there are, and nothing else. */
type Previous = 'line' | readonly GraphEvent[]

/** Most events follow the forward extremities and cite the current state, which are in memory; the rest is read at once. */
async function loadCited(ctx: ReceiveNeeds, room: LiveRoom, event: Entering): Promise<Cited> {
  const { pdu, eventId, claimed } = event
  const inState = await judgedInState(ctx, room, pdu)
  const prevIds = new Set(prevEventIds(pdu, room.version))
  const isOnLine =
    !claimed &&
    prevIds.size === room.forwardExtremities.length &&
    room.forwardExtremities.every((id) => prevIds.has(id))
  const wanted = new Set([
    eventId,
    ...citedBy(pdu, room).filter((id) => !inState.has(id)),
    ...(isOnLine ? [] : prevIds),
  ])
  const found = new Map((await ctx.store.rooms.events.findMany([...wanted])).map((one) => [one.eventId, one]))
  const findJudged: FindJudged = (id) => {
    const one = found.get(id)
    return inState.get(id) ?? (one && judgedAsStored(one, room))
  }
  const prevs = isOnLine ? ('line' as const) : previousAmong(found, room, { prevIds, claimed })
  return { stored: found.get(eventId), findJudged, prevs }
}

function previousAmong(
  found: ReadonlyMap<EventId, GraphEvent>,
  room: LiveRoom,
  { prevIds, claimed }: Pick<Entering, 'claimed'> & { prevIds: ReadonlySet<EventId> },
): GraphEvent[] | undefined {
  const prevs = [...prevIds].flatMap((id) => {
    const one = found.get(id)
    return one && one.roomNid === room.nid && hasState(room, one) ? one : []
  })
  return claimed || prevs.length === prevIds.size ? prevs : undefined
}

/** The previous events that are not here, where the event comes in all the same. */
async function gapBelow(ctx: ReceiveNeeds, room: LiveRoom, { pdu, claimed }: Entering): Promise<EventId[] | undefined> {
  if (!claimed) return undefined
  const ids = prevEventIds(pdu, room.version)
  const here = new Set(
    (await ctx.store.rooms.events.findMany(ids)).flatMap((one) => (isInTimeline(one) ? one.eventId : [])),
  )
  const missing = [...new Set(ids)].filter((id) => !here.has(id))
  return missing.length > 0 ? missing : undefined
}

/** The state before the event; without a branch it is the room's current state. */
type StateBefore = { before: StateDiff; branch: Branch | undefined }

async function stateBeforeOf(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  { event, prevs }: { event: Entering; prevs: Previous },
): Promise<StateBefore> {
  if (prevs === 'line') return { before: new Map(), branch: undefined }
  const parents = await loadParents(ctx, room, prevs)
  const known = event.claimed ? undefined : await stateFollowing(ctx, room, parents)
  const before =
    known ??
    (await resolveStates(ctx, room, {
      diffs: [await claimedStateDiff(ctx, room, event.claimed ?? []), ...parents.map(({ diff }) => diff)],
    }))
  // A state of which much is new here takes its time at every step.
  if (event.claimed) await nextTurn()
  const branch = planBranch(room, before, parents)
  if (event.claimed) await nextTurn()
  return { before, branch }
}

/** It may have been redacted while it was an outlier; what another server sends of it then is still whole. */
const redactedAlready = ({ redactedBy: by, clientJson, graphJson }: GraphEvent) =>
  by === null ? undefined : { clientJson, graphJson, by }

type Judging = { pdu: Pdu; at: StateBefore }

const judgeBefore = (ctx: ReceiveNeeds, room: LiveRoom, { pdu, at }: Judging): Promise<Rejection | undefined> =>
  at.branch ? checkStateBefore(ctx, room, { pdu, before: at.before }) : checkCurrentState(ctx, room, pdu)

async function judgeNow(
  ctx: ReceiveNeeds,
  room: LiveRoom,
  { event, at }: { event: Entering; at: StateBefore },
): Promise<Pick<Rejection, 'reason'> | undefined> {
  if (event.readmittedAs === 'soft-failed') return { reason: 'The state when it came did not allow it' }
  const rejection = !event.readmittedAs && at.branch && (await checkCurrentState(ctx, room, event.pdu))
  if (rejection) return rejection
  if (!(await checkServerAcl(ctx, room, event.pdu)))
    return { reason: 'The room does not let the server of its sender take part' }
  return (await checkPolicy(ctx, room, event)) ? undefined : { reason: 'The Policy Server does not recommend it' }
}

type Accepting = { received: Omit<Received, 'status'>; at: StateBefore; prevs: Previous }

async function acceptance(ctx: ReceiveNeeds, room: LiveRoom, { received, at, prevs }: Accepting): Promise<Received> {
  const event = { pdu: received.pdu, eventId: received.eventId, before: at.before }
  const transition = prevs === 'line' ? plainTransition(event) : await stateTransition(ctx, room, { ...event, prevs })
  const effect = event.pdu.type === 'm.room.redaction' ? await redactionBy(ctx, room, event.pdu) : {}
  const isOnlyExtremity =
    transition?.forwardExtremities.length === 1 && transition.forwardExtremities[0] === event.eventId
  const own = at.branch && isOnlyExtremity ? ownBranch(room, at.before, event.pdu) : undefined
  const isShorter = own && at.branch && own.delta.length < at.branch.delta.length
  return { ...received, ...(isShorter && { branch: own }), status: 'accepted', transition, ...effect }
}
