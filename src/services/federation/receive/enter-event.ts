import { setImmediate as nextTurn } from 'node:timers/promises'
import { authEventIds, prevEventIds, type Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { Rejection } from '#protocol/auth-rules/rejection.ts'
import { commitReceived, type Received } from '#services/rooms/write/commit-received.ts'
import { earlyRedactionOf } from '#services/rooms/write/early-redaction.ts'
import { nextLine, plainStep } from '#services/rooms/state/next-line.ts'
import { loadParents, ownBranch, planBranch, stateFollowing } from '#services/rooms/state/plan-branch.ts'
import { redactionBy } from '#services/rooms/write/redaction-by.ts'
import { resolveStates } from '#services/rooms/state/resolve-states.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'
import { hasPlace } from '#services/rooms/state/state-before.ts'
import type { Overlay } from '#services/rooms/state/state-overlay.ts'
import type { Branch } from '#store/rooms/event-branches.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { checkAuthEvents, createIdOf } from './check-auth-events.ts'
import { checkCurrentState } from './check-current-state.ts'
import { checkPolicy } from './check-policy.ts'
import { checkStateBefore } from './check-state-before.ts'
import { claimedOverlay } from './claimed-state.ts'
import { loadJudged } from './load-judged.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { Receipt, ReceiveNeeds } from './ports.ts'

/** An event that passed checks 1 to 3, and the state before it as another server tells it, where we cannot tell. */
export type Entering = CheckedEvent & {
  claimed?: readonly EventId[] | undefined
  /** A membership that a server of the room let in for us: what we know of the present state may be long past. */
  isLetIn?: boolean
}

/**
 * Checks 4 to 7, and the event takes its place in the room. It must be the room's turn and its line must have settled.
 * What is missing is not asked for here, and leaves the event unresolved; only the Policy Server is asked.
 */
export async function enterEvent(ctx: ReceiveNeeds, line: RoomLine, event: Entering): Promise<Receipt> {
  const { pdu, eventId } = event
  const stored = await ctx.store.events.find(eventId)
  if (stored && stored.roomNid !== line.nid) return { eventId, outcome: 'dropped', reason: 'The id is taken' }
  if (stored && hasPlace(stored)) return { eventId, outcome: 'known' }
  // NOTSPEC: the rules allow any number of create events, but a second one could only be meant to confuse.
  if (pdu.type === 'm.room.create') return { eventId, outcome: 'dropped', reason: 'The room has a create event' }
  const judged = checkAuthEvents(pdu, line.version, await loadJudged(ctx, line, citedBy(pdu, line)))
  if ('missing' in judged) return { eventId, outcome: 'unresolved', reason: 'Auth events are missing' }
  const prevs = await findPrevs(ctx, line, event)
  if (!prevs) return { eventId, outcome: 'unresolved', reason: 'Previous events are missing' }
  const place = await placeOf(ctx, line, { event, prevs })
  const rejection = judged.rejection ?? (await judgeBefore(ctx, line, { pdu, place }))
  const soft = rejection || event.isLetIn ? undefined : await judgeNow(ctx, line, { event, place })
  const received = {
    pdu,
    eventId,
    branch: place.branch,
    movesFrom: stored?.position,
    step: undefined,
    redacted: (stored && redactedAlready(stored)) ?? (await earlyRedactionOf(ctx, line, event)),
  }
  if (rejection ?? soft) {
    const status = rejection ? 'rejected' : 'soft-failed'
    await commitReceived(ctx, line, { ...received, status })
    return { eventId, outcome: status, reason: (rejection ?? soft)?.reason ?? '' }
  }
  await commitReceived(ctx, line, await acceptance(ctx, line, { received, place, prevs }))
  return { eventId, outcome: 'accepted' }
}

const citedBy = (pdu: Pdu, { version }: RoomLine): EventId[] => {
  const create = createIdOf(pdu, version)
  return [...authEventIds(pdu, version), ...(create ? [create] : [])]
}

/** The events it follows, where all of them have their place; with a claimed state those that do. */
async function findPrevs(
  ctx: ReceiveNeeds,
  line: RoomLine,
  { pdu, claimed }: Entering,
): Promise<StoredEvent[] | undefined> {
  const ids = new Set(prevEventIds(pdu, line.version))
  const found = (await ctx.store.events.findMany([...ids])).filter(
    // Of purged history nobody knows the state any more.
    (one) => one.roomNid === line.nid && hasPlace(one) && one.position > line.purgedUpTo,
  )
  return claimed || found.length === ids.size ? found : undefined
}

/** Where in the graph the event stands: `before` is the state there; on the line there is no branch. */
type Place = { before: Overlay; branch: Branch | undefined }

async function placeOf(
  ctx: ReceiveNeeds,
  line: RoomLine,
  { event, prevs }: { event: Entering; prevs: readonly StoredEvent[] },
): Promise<Place> {
  const isOnLine = prevs.length === line.heads.length && prevs.every(({ eventId }) => line.heads.includes(eventId))
  if (isOnLine && !event.claimed) return { before: new Map(), branch: undefined }
  const parents = await loadParents(ctx, line, prevs)
  const known = event.claimed ? undefined : await stateFollowing(ctx, line, parents)
  const before =
    known ??
    (await resolveStates(ctx, line, {
      overlays: [await claimedOverlay(ctx, line, event.claimed ?? []), ...parents.map(({ overlay }) => overlay)],
    }))
  // A state of which much is new here takes its time at every step.
  if (event.claimed) await nextTurn()
  const branch = planBranch(line, before, parents)
  if (event.claimed) await nextTurn()
  return { before, branch }
}

/** It may have been redacted while it was an outlier; what another server sends of it then is still whole. */
const redactedAlready = ({ redactedBy: by, clientJson, graphJson }: StoredEvent) =>
  by === null ? undefined : { clientJson, graphJson, by }

type Judging = { pdu: Pdu; place: Place }

const judgeBefore = (ctx: ReceiveNeeds, line: RoomLine, { pdu, place }: Judging): Promise<Rejection | undefined> =>
  place.branch ? checkStateBefore(ctx, line, { pdu, before: place.before }) : checkCurrentState(ctx, line, pdu)

async function judgeNow(
  ctx: ReceiveNeeds,
  line: RoomLine,
  { event, place }: { event: CheckedEvent; place: Place },
): Promise<Pick<Rejection, 'reason'> | undefined> {
  const rejection = place.branch && (await checkCurrentState(ctx, line, event.pdu))
  if (rejection) return rejection
  return (await checkPolicy(ctx, line, event)) ? undefined : { reason: 'The Policy Server does not recommend it' }
}

type Accepting = { received: Omit<Received, 'status'>; place: Place; prevs: readonly StoredEvent[] }

async function acceptance(ctx: ReceiveNeeds, line: RoomLine, { received, place, prevs }: Accepting): Promise<Received> {
  const event = { pdu: received.pdu, eventId: received.eventId, before: place.before, prevs }
  const step = place.branch ? await nextLine(ctx, line, event) : plainStep(event)
  const effect = event.pdu.type === 'm.room.redaction' ? await redactionBy(ctx, line, event.pdu) : {}
  const isOnlyHead = step?.heads.length === 1 && step.heads[0] === event.eventId
  const own = place.branch && isOnlyHead ? ownBranch(line, place.before, event.pdu) : undefined
  const isShorter = own && place.branch && own.delta.length < place.branch.delta.length
  return { ...received, ...(isShorter && { branch: own }), status: 'accepted', step, ...effect }
}
