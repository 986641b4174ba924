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

/** An event that is not on disk yet but holds a place in one of the states. */
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
  const places = new Set([...disputed, ...agreed.keys(), ...placesAsked(events.values(), room)])
  const state = await resolve(ctx, room, {
    sets: diffs.map((diff) => stateOf(room, diff, places)),
    authDifference: contested.difference,
    graph,
    events,
    newest,
  })
  const resolved = new Map(agreed)
  for (const place of disputed) resolved.set(place, state.get(place) ?? null)
  // What came up beside the disputed places stands only where no state had anything.
  for (const [place, id] of state)
    if (!disputed.has(place) && entryIn(room, first, place) === undefined) resolved.set(place, id)
  return trimmed(room, resolved)
}

/** The places where the states differ from the line, parted into those where they all agree and those where not. */
function compare(room: LiveRoom, diffs: readonly StateDiff[]) {
  const agreed = new Map<StateKey, EventId | null>()
  const disputed = new Set<StateKey>()
  for (const diff of diffs)
    for (const place of diff.keys()) {
      if (agreed.has(place) || disputed.has(place)) continue
      const ids = new Set(diffs.map((each) => entryIn(room, each, place)))
      if (ids.size > 1) disputed.add(place)
      else agreed.set(place, [...ids][0] ?? null)
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
  const starts = diffs.map((diff) => [...disputed].flatMap((place) => entryIn(room, diff, place) ?? []))
  // The graph does not hold the newest event, only what it rests on.
  const known = starts.map((ids) =>
    ids.flatMap((id) => (id === newest?.eventId ? authEventIdsWithCreate(newest.pdu, room.version) : id)),
  )
  const difference = graph.difference(known, sharedHolders(room, agreed, disputed))
  return { difference, events: new Set([...starts.flat(), ...difference]) }
}

function* sharedHolders(room: LiveRoom, agreed: StateDiff, disputed: ReadonlySet<StateKey>): Generator<EventId> {
  for (const [place, { eventId }] of room.state) if (!disputed.has(place) && !agreed.has(place)) yield eventId
  for (const id of agreed.values()) if (id !== null) yield id
}

/** What the auth rules will ask of the state when they judge these events. */
function* placesAsked(events: Iterable<Pdu>, { version }: LiveRoom): Generator<StateKey> {
  yield stateKey('m.room.create', '')
  for (const event of events) for (const [type, key] of authEventKeys(event, version)) yield stateKey(type, key)
}

function stateOf(room: LiveRoom, diff: StateDiff, places: Iterable<StateKey>): StateMap {
  const state = new Map<StateKey, EventId>()
  for (const place of places) {
    const id = entryIn(room, diff, place)
    if (id !== undefined) state.set(place, id)
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
      // No state of ours holds a rejected event, and none that is allowed rests on one.
      isRejected: () => false,
      authEventsOf: (id) => (id === newest?.eventId ? newestAuth : graph.authEventsOf(id)),
      placeOf: (id) => graph.placeOf(id),
    })
    if (state) return state
    const loaded = await loadPdus(ctx, room, missing)
    if (loaded.size === 0) throw new Error('A state rests on events that are not stored')
    for (const [id, pdu] of loaded) events.set(id, pdu)
  }
}
