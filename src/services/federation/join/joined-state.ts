import type { Context } from '#context.ts'
import { serverOf, type EventId, type RoomId, type ServerName, type UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { splitStateKey, stateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { LiveRoom, LockedRoom } from '#services/rooms/live/live-room.ts'
import { loadAuthGraph } from '#services/rooms/state/load-auth-graph.ts'
import { diffFromCurrent, stateBefore } from '#services/rooms/state/state-before.ts'

/** What a server that has joined needs of the room: ids of events. */
export type JoinedState = {
  room: { roomId: RoomId; version: RoomVersion }
  state: readonly EventId[]
  authChain: readonly EventId[]
  /** The servers in the room, where members are left out. */
  servers: readonly ServerName[] | undefined
}

/** A join that was taken in, and whether the other server can do without most members. */
export type JoinedUser = { roomId: RoomId; eventId: EventId; userId: UserId; omitMembers: boolean }

const maxHeroes = 5

/** The state before a join, and its auth chain; without the members that are not needed to show the room, if so asked. */
export function joinedState(
  ctx: Pick<Context, 'store' | 'rooms'>,
  { roomId, eventId, userId, omitMembers }: JoinedUser,
): Promise<JoinedState> {
  return ctx.rooms.inTurn(roomId, async (turn) => {
    const room = await turn.settledRoom()
    const whole = await stateOf(ctx, room, eventId)
    const state = omitMembers ? withoutMembers(whole, room, userId) : [...whole.values()]
    const graph = await loadAuthGraph(ctx, room)
    const cited = new Set([...state, eventId].flatMap((id) => graph.authEventsOf(id) ?? []))
    const chain = graph.chainOf(cited)
    if (omitMembers) for (const id of state) chain.delete(id)
    const servers = omitMembers ? serversBefore(room, userId) : undefined
    return { room: { roomId, version: room.version }, state, authChain: [...chain], servers }
  })
}

async function stateOf(
  ctx: Pick<Context, 'store'>,
  room: LockedRoom,
  eventId: EventId,
): Promise<Map<StateKey, EventId>> {
  const event = await ctx.store.rooms.events.find(eventId)
  if (!event) throw new Error('A join that was taken in is not stored')
  const state = new Map(Array.from(room.state, ([place, entry]) => [place, entry.eventId]))
  for (const [place, id] of await diffFromCurrent(ctx, room, await stateBefore(ctx, event)))
    if (id === null) state.delete(place)
    else state.set(place, id)
  return state
}

/** Without name or alias a room is shown by some of its members: they are in the order in which they came. */
function withoutMembers(state: ReadonlyMap<StateKey, EventId>, { members }: LiveRoom, joined: UserId): EventId[] {
  const kept = [...state].filter(([place]) => splitStateKey(place)[0] !== 'm.room.member').map(([, id]) => id)
  if (state.has(stateKey('m.room.name', '')) || state.has(stateKey('m.room.canonical_alias', ''))) return kept
  const heroes: EventId[] = []
  for (const [userId, membership] of members) {
    const id = state.get(stateKey('m.room.member', userId))
    if (userId === joined || !id || (membership !== 'join' && membership !== 'invite')) continue
    if (heroes.push(id) === maxHeroes) break
  }
  return [...kept, ...heroes]
}

/** The servers that were in the room before the user joined. */
function serversBefore(room: LiveRoom, joined: UserId): ServerName[] {
  const own = serverOf(joined)
  return [...room.joinedByServer].filter(([server, users]) => server !== own || users > 1).map(([server]) => server)
}
