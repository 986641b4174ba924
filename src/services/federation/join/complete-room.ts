import { jobsChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { startJobWorker, type JobKind, type JobRun } from '#jobs/job-worker.ts'
import type { Worker } from '#jobs/worker.ts'
import type { JsonValue } from '#protocol/events/event.ts'
import type { EventId, RoomId, ServerName, UserId } from '#protocol/ids.ts'
import { completeRoomJob } from '#services/federation/receive/begin-partial.ts'
import { forgetDeviceLists } from '#services/e2ee/remote/device-lists.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { isInTimeline } from '#services/rooms/state/state-before.ts'
import type { RoomTurn } from '#services/rooms/live/room-turn.ts'
import type { Branch } from '#store/rooms/event-branches.ts'
import type { GraphEvent } from '#store/rooms/events.ts'
import type { Correction } from '#store/rooms/room-write.ts'
import { commitMembers, commitWhole } from '#services/rooms/live/commit-members.ts'
import { judgeNext, reviewAfter } from '#services/federation/receive/judge-again.ts'
import { lineAgain } from '#services/federation/receive/line-again.ts'
import { fetchStateBefore } from './fetch-state-before.ts'
import { memberSlices, pastMembers } from './past-members.ts'

/** The members of large rooms take much memory while they are fetched. */
const atOnce = 2
const maxServers = 12

/** Fetches what joins left out of their rooms. */
export function startCompletionWorker(ctx: Context): Worker {
  const kind: JobKind = {
    kind: completeRoomJob,
    isUsual: (error) => error instanceof RemoteError,
    run: (run) => completeRoom(ctx, run),
  }
  return startJobWorker(ctx, [kind], { atOnce })
}

/** A room whose members are awaited, with the join that left them out. */
type Awaiting = {
  room: LiveRoom
  join: GraphEvent
  servers: readonly ServerName[]
  /** Where the next of them is, after which other members are missing. */
  until: number
}

/** Also of a room that was left and joined again before all was here: one join after the other. */
async function completeRoom(ctx: Context, run: JobRun): Promise<JsonValue | undefined> {
  let members = 0
  for (;;) {
    const awaiting = await findAwaiting(ctx, run.key as RoomId)
    if (!awaiting) return { members }
    members += (await completeJoin(ctx, run, awaiting)) ?? 0
  }
}

/**
 * Fetches the members of a room as they were before our user's join and enters them there; then the room is whole. What
 * is entered already is passed over, so that it goes on where a run before it ended. Undefined where the room was deleted.
 */
async function completeJoin(ctx: Context, run: JobRun, awaiting: Awaiting): Promise<number | undefined> {
  const { room, join } = awaiting
  const { roomId } = room
  const state = await fetchFromAny(ctx, awaiting, run.signal)
  if (!state) return undefined
  const at = { from: join.position, joinEventId: join.eventId }
  const ids = new Map<UserId, EventId>()
  let done = 0
  await run.saveProgress({ members: done, events: state.length })
  for await (const slice of memberSlices(ctx, room, state)) {
    run.signal.throwIfAborted()
    for (const { userId, eventId } of slice) if (!ids.has(userId)) ids.set(userId, eventId)
    const isEntered = await ctx.rooms.inTurn(roomId, async (turn) => {
      if (!(await isAwaited(ctx, awaiting))) return false
      const entries = await pastMembers(ctx, room, { members: slice, position: join.position })
      if (entries.length > 0) await commitMembers(ctx, await turn.settledRoom(), { ...at, entries })
      return true
    })
    if (!isEntered) return undefined
    done += slice.length
    await run.saveProgress({ members: done, events: state.length })
  }
  await ctx.rooms.inTurn(roomId, async (turn) => {
    if (!(await isAwaited(ctx, awaiting))) return
    const branch = await branchWith(ctx, join, ids)
    if (!branch) return
    const corrections = [{ position: join.position, branch }]
    await commitMembers(ctx, await turn.settledRoom(), { ...at, entries: [], corrections })
  })
  await judgeWhatCame(ctx, run, awaiting)
  return ids.size
}

/** Judges by the members what came without them, some events in a turn of the room; with the last of them it is whole. */
async function judgeWhatCame(ctx: Context, run: JobRun, awaiting: Awaiting): Promise<void> {
  const { room, join, until } = awaiting
  const at = { from: join.position, joinEventId: join.eventId }
  const needs = receiveNeeds(ctx)
  const review = reviewAfter(join, until)
  const next = async (turn: RoomTurn): Promise<boolean> => {
    if (!(await isAwaited(ctx, awaiting))) return false
    const settled = await turn.settledRoom()
    const correct = (correction: Correction) =>
      commitMembers(ctx, settled, { ...at, entries: [], corrections: [correction] })
    if (await judgeNext(needs, settled, { review, correct })) return true
    const line = await lineAgain(ctx, settled, review)
    await commitWhole(ctx, turn, { join: at, line })
    // Whom we took for members we may have been told nothing of since.
    const parted = line.memberships.filter(({ membership }) => membership !== 'join').map(({ userId }) => userId)
    if (parted.length > 0) await forgetDeviceLists(ctx, parted)
    return false
  }
  while (await ctx.rooms.inTurn(room.roomId, next)) run.signal.throwIfAborted()
}

/** Whether the room is still the one that the join was into. */
async function isAwaited({ rooms }: Context, { room: { roomId, nid }, join }: Awaiting): Promise<boolean> {
  const room = await rooms.findStored(roomId)
  return room?.nid === nid && (room?.partial?.awaited.some(({ joinEventId }) => joinEventId === join.eventId) ?? false)
}

/** The first join to complete; undefined where there is none: it failed, or all of our users have left. */
function findAwaiting({ store, rooms }: Context, roomId: RoomId): Promise<Awaiting | undefined> {
  // In the room's turn: the join may be under way.
  return rooms.inTurn(roomId, async (turn) => {
    const room = await rooms.findStored(roomId)
    if (!room?.isPartial || room.nid === undefined) return undefined
    const found: Omit<Awaiting, 'until'>[] = []
    for (const { joinEventId, servers } of room.partial?.awaited ?? []) {
      const join = await store.rooms.events.find(joinEventId)
      if (join && isInTimeline(join) && join.status === 'accepted') found.push({ room, join, servers })
      else await store.rooms.partial.delete(room.nid, joinEventId)
    }
    if (found.length < (room.partial?.awaited.length ?? 0)) await turn.drop()
    if (room.localUsers.size === 0) return undefined
    const [first, second] = found.sort((one, other) => one.join.position - other.join.position)
    return first && { ...first, until: second?.join.position ?? Infinity }
  })
}

/** The ids of the state before the join, of which all events are here then; undefined where the room was deleted. */
async function fetchFromAny(
  ctx: Context,
  awaiting: Awaiting,
  signal: AbortSignal,
): Promise<readonly EventId[] | undefined> {
  const { room, join, servers } = awaiting
  const needs = receiveNeeds({ ...ctx, signal })
  for (const server of servers.slice(0, maxServers)) {
    if (server === ctx.config.server_name || !ctx.serverAccess(server)) continue
    signal.throwIfAborted()
    const state = await fetchStateBefore(needs, room, { origin: server, join })
    if (state) return state
  }
  signal.throwIfAborted()
  if (!(await isAwaited(ctx, awaiting))) return undefined
  throw new RemoteError(servers[0] ?? '', 'No server of the room gives its members')
}

/** The state before the join may be stored as a difference to what was before: then the members belong there, too. */
async function branchWith(
  { store }: Pick<Context, 'store'>,
  { position }: GraphEvent,
  members: ReadonlyMap<UserId, EventId>,
): Promise<Branch | undefined> {
  const branch = (await store.rooms.branches.findMany([position])).get(position)
  if (!branch) return undefined
  const idOf = (type: string, key: string) => (type === 'm.room.member' ? members.get(key as UserId) : undefined)
  const held = branch.delta.map(([type, key, id]) => [type, key, id ?? idOf(type, key) ?? null] as const)
  // What is a difference to the state after the join has its members by itself.
  const isAfter = branch.hops === 0 && branch.basePosition >= position
  const named = new Set(held.flatMap(([type, key]) => (type === 'm.room.member' ? key : [])))
  const more = isAfter ? [] : [...members].filter(([userId]) => !named.has(userId))
  return { ...branch, delta: [...held, ...more.map(([userId, id]) => ['m.room.member', userId, id] as const)] }
}

/** Begins what a join left to be done. */
export const startCompletion = ({ bus }: Pick<Context, 'bus'>): void =>
  bus.publish(jobsChanged, { kind: completeRoomJob })
