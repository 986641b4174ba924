import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EventId, RoomId, ServerName } from '#protocol/ids.ts'
import type { StateKey } from '#protocol/state-resolution/state-map.ts'
import { authEventIdsWithCreate } from '#services/rooms/events/describe-event.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import { loadAuthGraph } from '#services/rooms/state/load-auth-graph.ts'
import { diffFromCurrent, isInTimeline, stateBefore } from '#services/rooms/state/state-before.ts'
import { entriesOf } from '#services/rooms/state/state-diff.ts'
import { openServingToMember, type Serving, type ServingNeeds } from './open-serving.ts'
import { pduTexts, servedEvent, servedEvents, unknownEvent } from './serve-events.ts'

type Asked = { roomId: RoomId; eventId: string; server: ServerName }

/** The state before an event and the auth chain of that state, as ids. */
export type ServedState = { serving: Serving; state: EventId[]; authChain: EventId[] }

/** So many events are in memory at once, however large the room is. */
const sliceSize = 200

/** Throws M_NOT_FOUND where the event is unknown, or the state before it is. */
export async function serveStateIds(ctx: ServingNeeds, asked: Asked): Promise<ServedState> {
  const serving = await openServingToMember(ctx, asked.roomId, asked.server)
  const event = await servedEvent(ctx, serving, asked.eventId)
  if (!isInTimeline(event)) throw unknownEvent()
  // In the room's turn the current state does not move while what differs from it is read.
  return ctx.rooms.inTurn(asked.roomId, async (turn) => {
    const room = await turn.settledRoom()
    const diff = await diffFromCurrent(ctx, room, await stateBefore(ctx, event))
    const state = Array.from(entriesOf(room, diff), ([, id]: [StateKey, EventId]) => id)
    await nextTurn()
    const graph = await loadAuthGraph(ctx, room)
    const cited = new Set(state.flatMap((id) => graph.authEventsOf(id) ?? []))
    return { serving, state, authChain: [...graph.chainOf(cited)] }
  })
}

/** The same with whole events, as the JSON of the answer in pieces. */
export async function serveState(ctx: ServingNeeds, asked: Asked): Promise<AsyncIterable<string>> {
  const { serving, state, authChain } = await serveStateIds(ctx, asked)
  return pieces()
  async function* pieces(): AsyncGenerator<string> {
    yield '{"pdus":['
    yield* wholeTexts(ctx, serving, state)
    yield '],"auth_chain":['
    yield* wholeTexts(ctx, serving, authChain)
    yield ']}'
  }
}

/** The auth chain of an event, as the JSON of the answer in pieces. */
export async function serveEventAuth(ctx: ServingNeeds, asked: Asked): Promise<AsyncIterable<string>> {
  const serving = await openServingToMember(ctx, asked.roomId, asked.server)
  const event = await servedEvent(ctx, serving, asked.eventId)
  const { room } = serving
  const graph = await loadAuthGraph(ctx, room)
  const chain = [...graph.chainOf(authEventIdsWithCreate(storedPdu(event, room), room.version))]
  return pieces()
  async function* pieces(): AsyncGenerator<string> {
    yield '{"auth_chain":['
    yield* wholeTexts(ctx, serving, chain)
    yield ']}'
  }
}

/** State is open to every server in the room, whenever it was set. */
async function* wholeTexts(ctx: ServingNeeds, serving: Serving, ids: readonly EventId[]): AsyncGenerator<string> {
  const open = { ...serving, ranges: [{ from: 0, to: Number.MAX_SAFE_INTEGER }] }
  let isFirst = true
  for (let start = 0; start < ids.length; start += sliceSize) {
    const found = await servedEvents(ctx, serving, ids.slice(start, start + sliceSize))
    const texts = await pduTexts(ctx, open, [...found.values()])
    if (texts.length === 0) continue
    yield `${isFirst ? '' : ','}${texts.join(',')}`
    isFirst = false
  }
}
