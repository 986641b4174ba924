import { setImmediate as nextTurn } from 'node:timers/promises'
import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { resolveState } from '#protocol/state-resolution/resolve.ts'
import { stateKey, type StateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'
import type { Context } from '#context.ts'
import type { AuthGraph } from './auth-graph.ts'
import { authEventIdsWithCreate } from '#services/rooms/events/describe-event.ts'
import { loadAuthGraph } from './load-auth-graph.ts'
import { loadPdus } from '#services/rooms/events/load-events.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { entryIn, trimmed, type StateDiff } from './state-diff.ts'

type Needs = Pick<Context, 'store'>

/** An event that is not on disk yet but is in one of the states. */
export type Newest = { eventId: EventId; pdu: Pdu }

/**
 * The state that follows from several. Only keys that differ are resolved, with what the rules ask about beside them:
 * a room's many members are never listed, but for one walk over what all states have in common.
 */
export async function resolveStates(
  ctx: Needs,
  room: LiveRoom,
  { diffs, newest }: { diffs: readonly StateDiff[]; newest?: Newest | undefined },
): Promise<StateDiff> {
  const [first = new Map<StateKey, EventId | null>()] = diffs
  if (diffs.length < 2) return first
  const { agreed, disputed } = compare(room, diffs)
  if (disputed.size === 0) return first
  const graph = await loadAuthGraph(ctx, room)
  // The walk through the graph of a large room takes some tens of milliseconds.
  await nextTurn()
  const contested = contestOf(room, { diffs, agreed, disputed, graph, newest })
  const events = await loadPdus(ctx, room, contested.events)
  if (newest) events.set(newest.eventId, newest.pdu)
  const keys = new Set([...disputed, ...agreed.keys(), ...keysAsked(events.values(), room)])
  const state = await resolve(ctx, room, {
    sets: diffs.map((diff) => stateOf(room, diff, keys)),
    authDifference: contested.difference,
    graph,
    events,
    newest,
  })
  const resolved = new Map(agreed)
  for (const key of disputed) resolved.set(key, state.get(key) ?? null)
  // What came up beside the disputed keys counts only where no state had an event.
  for (const [key, id] of state)
    if (!disputed.has(key) && entryIn(room, first, key) === undefined) resolved.set(key, id)
  return trimmed(room, resolved)
}

/** The keys where the states differ from the current state: those on which they all agree, and those on which not. */
function compare(room: LiveRoom, diffs: readonly StateDiff[]) {
  const agreed = new Map<StateKey, EventId | null>()
  const disputed = new Set<StateKey>()
  for (const diff of diffs)
    for (const key of diff.keys()) {
      if (agreed.has(key) || disputed.has(key)) continue
      const ids = new Set(diffs.map((each) => entryIn(room, each, key)))
      if (ids.size > 1) disputed.add(key)
      else agreed.set(key, [...ids][0] ?? null)
    }
  return { agreed, disputed }
}

type Contest = {
  diffs: readonly StateDiff[]
  agreed: StateDiff
  disputed: ReadonlySet<StateKey>
  graph: AuthGraph
  newest: Newest | undefined
}

/** The auth difference of the states, and all events that may have a say. */
function contestOf(room: LiveRoom, { diffs, agreed, disputed, graph, newest }: Contest) {
  const starts = diffs.map((diff) => [...disputed].flatMap((key) => entryIn(room, diff, key) ?? []))
  // The graph does not hold the newest event, only its auth events.
  const known = starts.map((ids) =>
    ids.flatMap((id) => (id === newest?.eventId ? authEventIdsWithCreate(newest.pdu, room.version) : id)),
  )
  const difference = graph.difference(known, sharedEntries(room, agreed, disputed))
  return { difference, events: new Set([...starts.flat(), ...difference]) }
}

function* sharedEntries(room: LiveRoom, agreed: StateDiff, disputed: ReadonlySet<StateKey>): Generator<EventId> {
  for (const [key, { eventId }] of room.state) if (!disputed.has(key) && !agreed.has(key)) yield eventId
  for (const id of agreed.values()) if (id !== null) yield id
}

/** What the auth rules will ask of the state when they judge these events. */
function* keysAsked(events: Iterable<Pdu>, { version }: LiveRoom): Generator<StateKey> {
  yield stateKey('m.room.create', '')
  for (const event of events) for (const [type, key] of authEventKeys(event, version)) yield stateKey(type, key)
}

function stateOf(room: LiveRoom, diff: StateDiff, keys: Iterable<StateKey>): StateMap {
  const state = new Map<StateKey, EventId>()
  for (const key of keys) {
    const id = entryIn(room, diff, key)
    if (id !== undefined) state.set(key, id)
  }
  return state
}

type Resolving = {
  sets: StateMap[]
  authDifference: ReadonlySet<EventId>
  graph: AuthGraph
  events: Map<EventId, Pdu>
  newest: Newest | undefined
}

async function resolve(
  ctx: Needs,
  room: LiveRoom,
  { sets, authDifference, graph, events, newest }: Resolving,
): Promise<StateMap> {
  const newestAuth = newest && authEventIdsWithCreate(newest.pdu, room.version)
  for (;;) {
    const { state, missing } = resolveState({
      version: room.version,
      sets,
      authDifference,
      event: (id) => events.get(id),
      // No stored state holds a rejected event, and no allowed event has one among its auth events.
      isRejected: () => false,
      authEventsOf: (id) => (id === newest?.eventId ? newestAuth : graph.authEventsOf(id)),
      placeOf: (id) => graph.placeOf(id),
    })
    if (state) return state
    const loaded = await loadPdus(ctx, room, missing)
    if (loaded.size === 0) throw new Error('A state has auth events that are not stored')
    for (const [id, pdu] of loaded) events.set(id, pdu)
  }
}
