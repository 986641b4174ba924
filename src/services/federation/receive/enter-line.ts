import { prevEventIds } from '#protocol/events/event.ts'
import { serverOf, type RoomId, type ServerName } from '#protocol/ids.ts'
import { mayTakePart } from '#services/federation/may-take-part.ts'
import type { LiveRoom, LockedRoom } from '#services/rooms/live/live-room.ts'
import { retryWhileStale } from '#services/rooms/live/stale-room.ts'
import { nidOf } from '#services/rooms/read/history-intervals.ts'
import { plainTransition } from '#services/rooms/state/state-transition.ts'
import { layReceived, persistLaid, type LaidEvent } from '#services/rooms/write/persist-received.ts'
import { authorizeByAuthEvents, judgedInState } from './check-auth-events.ts'
import { checkCurrentState } from './check-state.ts'
import type { CheckedEvent } from './checked-event.ts'
import type { ReceiveNeeds } from './ports.ts'

/** An event that passed checks 1 to 3, and the server that sent it. */
export type LineEvent = { event: CheckedEvent; origin: ServerName }

/**
 * Checks 4 to 7 of events that follow each other from where the room is, and all accepted ones of them in one write: most
 * events that come are such. They are in memory with all that they cite, so that each is judged by the one before it,
 * which is not on disk yet. Answers how many of the events, from the first on, are accepted so; anything that is not as
 * simple is left to `enterEvent`.
 */
export function enterLine(ctx: ReceiveNeeds, roomId: RoomId, events: readonly LineEvent[]): Promise<number> {
  return retryWhileStale(() =>
    ctx.rooms.inTurn(roomId, async (turn) => {
      const room = await turn.settledRoom()
      const laid = await layEvents(ctx, room, events)
      if (laid.length === 0) return 0
      const persisting = persistLaid(ctx, room, laid)
      turn.end()
      await persisting
      return laid.length
    }),
  )
}

async function layEvents(ctx: ReceiveNeeds, room: LockedRoom, events: readonly LineEvent[]): Promise<LaidEvent[]> {
  const line = lineOf(room, events)
  if (line.length === 0) return []
  const isKnown = await knownAmong(ctx, room, line)
  const { forwardExtremities, depth, forwardExtremityPdus } = room
  const entries = line.map(({ event }) => plainTransition(event))
  const laid: LaidEvent[] = []
  try {
    for (const [index, one] of line.entries()) {
      if (isKnown.has(one.event.eventId) || !(await isAccepted(ctx, room, one))) break
      laid.push(layReceived(room, { ...accepted, ...one.event, transition: entries[index]! }))
    }
    return laid
  } catch (error) {
    const begun = entries.flatMap(({ entries: [own] }) => own?.entry ?? [])
    room.retract({ forwardExtremities, depth, forwardExtremityPdus }, begun)
    throw error
  }
}

const accepted = { status: 'accepted', branch: undefined, movesFrom: undefined } as const

/** What decides more than who may send: what is accepted after it may depend on it in other ways. */
const decidingTypes: ReadonlySet<string> = new Set([
  'm.room.create',
  'm.room.redaction',
  'm.room.server_acl',
  'm.room.policy',
])

/** Those events, from the first on, of which each follows all that the room has, the ones before it included. */
export function lineOf(room: LiveRoom, events: readonly LineEvent[]): LineEvent[] {
  const line: LineEvent[] = []
  // Each event would wait for the Policy Server.
  if (room.nextStateEntry('m.room.policy', '')) return line
  let { forwardExtremities } = room
  for (const one of events) {
    const { pdu, eventId } = one.event
    const prevs = new Set(prevEventIds(pdu, room.version))
    if (decidingTypes.has(pdu.type)) break
    if (prevs.size !== forwardExtremities.length || !forwardExtremities.every((id) => prevs.has(id))) break
    line.push(one)
    forwardExtremities = [eventId]
  }
  return line
}

/** Those that are stored, if only as outliers, and those that were redacted before they came. */
async function knownAmong(
  { store }: ReceiveNeeds,
  room: LiveRoom,
  line: readonly LineEvent[],
): Promise<ReadonlySet<string>> {
  const ids = line.map(({ event }) => event.eventId)
  const [stored, redactions] = await Promise.all([
    store.rooms.events.findMany(ids),
    Promise.all(ids.map((id) => store.rooms.earlyRedactions.listFor(id, nidOf(room)))),
  ])
  const known = new Set<string>(stored.map(({ eventId }) => eventId))
  for (const [index, id] of ids.entries()) if (redactions[index]!.length > 0) known.add(id)
  return known
}

async function isAccepted(ctx: ReceiveNeeds, room: LiveRoom, { event: { pdu }, origin }: LineEvent): Promise<boolean> {
  for (const server of new Set([origin, serverOf(pdu.sender)]))
    if (!(await mayTakePart(ctx, room, server))) return false
  const inState = await judgedInState(ctx, room, pdu)
  const judged = authorizeByAuthEvents(pdu, room.version, (id) => inState.get(id))
  if ('missing' in judged || judged.rejection) return false
  return (await checkCurrentState(ctx, room, pdu)) === undefined
}
