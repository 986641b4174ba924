import type { Context } from '#context.ts'
import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import { idOfSent } from '#protocol/events/event-id.ts'
import { isValidRoomId, type EventId, type RoomId, type ServerName } from '#protocol/ids.ts'
import { defaultRoomVersion, roomVersion } from '#protocol/rooms/room-version.ts'
import { checkFormat, checkIntegrity } from '#services/federation/receive/check-event.ts'
import type { CheckedEvent } from '#services/federation/receive/checked-event.ts'
import type { ReceiveResult } from '#services/federation/receive/ports.ts'
import { endOutside } from '#services/federation/receive/outside-leave.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import { readIncoming, refusedSource } from '#services/federation/receive/receive-event.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { isInTimeline } from '#services/rooms/state/state-before.ts'
import type { TransactionAnswer } from './transaction-answers.ts'
import type { WaitingEvent } from './event-queues.ts'

/**
 * How long the answer waits for keys, and then for the work on the events: what takes longer goes on without it. So a
 * server hears what is wrong with its events and does not send faster than they are taken, yet one slow room holds up
 * the others for no longer than this.
 */
const patienceMs = 1000

type Sent = { origin: ServerName; pdus: readonly JsonValue[] }
/** An event that passed check 1 and is staged. */
type Staged = { room: LiveRoom; event: CheckedEvent; pdu: string }
type Answering = { origin: ServerName; results: TransactionAnswer['pdus'] }

/** Takes in the events of a transaction; answers what became of each, as far as that is known soon. */
export async function takePdus(ctx: Context, { origin, pdus }: Sent): Promise<TransactionAnswer['pdus']> {
  const answering: Answering = { origin, results: {} }
  const events = await unknownOf(ctx, await readAll(ctx, answering, pdus))
  const staged = events.filter(({ room: { roomId }, event: { eventId } }) => {
    const isTaken = ctx.incomingEvents.claim({ roomId, origin })
    if (!isTaken) answering.results[eventId] = { error: 'Too many events of this server wait already' }
    return isTaken
  })
  await ctx.store.federation.stagedEvents.insert(
    staged.map(({ room: { roomId }, event: { eventId }, pdu }) => ({ roomId, eventId, origin, pdu })),
  )
  const done: Promise<void>[] = []
  const verified = staged.map((one) => verify(ctx, answering, one))
  const ready = await settledSoon(ctx, verified)
  for (const [index, one] of staged.entries()) {
    const enqueued = Promise.withResolvers<void>()
    const enter = (event: CheckedEvent | undefined) => {
      if (event) ctx.incomingEvents.add(waitingOf(answering, { ...one, event }, enqueued.resolve))
      else enqueued.resolve()
    }
    const settled = ready.get(index)
    if (settled) enter(settled.event)
    else verified[index]?.then(enter, enqueued.reject)
    done.push(enqueued.promise)
  }
  await settledSoon(ctx, done)
  return answering.results
}

/** Check 1 and the server ACLs of all; those that fail are answered. Each event once. */
async function readAll(ctx: Context, answering: Answering, pdus: readonly JsonValue[]): Promise<Staged[]> {
  const events = new Map<EventId, Staged>()
  for (const value of pdus) {
    const room = await roomOf(ctx, value)
    const ended = room ? undefined : await endedOutside(ctx, { value, origin: answering.origin })
    if (ended) answering.results[ended] = {}
    if (ended) continue
    const read = room ? await readOne(ctx, room, { value, origin: answering.origin }) : unknownRoom
    if (room && 'event' in read) {
      events.set(read.event.eventId, { room, ...read })
      answering.results[read.event.eventId] = {}
      continue
    }
    const id = idOfSent(value, room?.version ?? roomVersion(defaultRoomVersion)!)
    if (id !== undefined && 'reason' in read) answering.results[id] = { error: read.reason ?? '' }
  }
  return [...events.values()]
}

const unknownRoom: ReceiveResult = { eventId: undefined, outcome: 'dropped', reason: 'The room is not known' }

/** The room that the event names, if users of ours are in it, or one is joining it. */
async function roomOf(ctx: Context, value: JsonValue): Promise<LiveRoom | undefined> {
  const roomId = roomIdIn(value)
  const room = roomId && (await ctx.rooms.findStored(roomId))
  // A placeholder without any event is known only from an invite.
  return room && (room.localUsers.size > 0 || (room.isPlaceholder && room.forwardExtremities.length > 0))
    ? room
    : undefined
}

function roomIdIn(value: JsonValue): RoomId | undefined {
  const roomId = isObject(value) ? value.room_id : undefined
  return typeof roomId === 'string' && isValidRoomId(roomId) ? roomId : undefined
}

type Source = { value: JsonValue; origin: ServerName }

/** Of rooms that nobody here is in only one kind of event is taken: one that ends an invite or a knock. */
async function endedOutside(ctx: Context, { value, origin }: Source): Promise<EventId | undefined> {
  const roomId = roomIdIn(value)
  return roomId && endOutside(receiveNeeds(ctx), { origin, roomId, pdu: value })
}

/** The state of a placeholder is not known yet: its ACL is asked once it is. */
async function readOne(
  ctx: Context,
  room: LiveRoom,
  { value, origin }: Source,
): Promise<Pick<Staged, 'event' | 'pdu'> | ReceiveResult> {
  const refused = room.isPlaceholder ? undefined : await refusedSource(ctx, room, origin)
  if (refused) return refused
  const read = room.isPlaceholder ? checkFormat(value, room) : await readIncoming(ctx, room, value)
  if ('violation' in read) return { ...unknownRoom, reason: read.violation }
  if ('outcome' in read) return read
  const pdu = textOf(read)
  return pdu === undefined ? { ...unknownRoom, reason: 'The event is no canonical JSON' } : { event: read, pdu }
}

/** What an event says beside its signed content is not kept; undefined where it holds what no JSON text can. */
function textOf({ pdu }: CheckedEvent): string | undefined {
  const { unsigned: _unsigned, ...kept } = pdu as unknown as JsonObject
  try {
    return JSON.stringify(kept)
  } catch {
    return undefined
  }
}

/** Events that several servers send are worked on once. */
async function unknownOf({ store }: Context, events: readonly Staged[]): Promise<Staged[]> {
  const stored = await store.rooms.events.findMany(events.map(({ event }) => event.eventId))
  const known = new Set(stored.flatMap((one) => (isInTimeline(one) ? one.eventId : [])))
  return events.filter(({ event }) => !known.has(event.eventId))
}

/** Checks 2 and 3; undefined for an event that fails them, which is staged no more. */
async function verify(
  ctx: Context,
  { origin, results }: Answering,
  { room: { roomId, version }, event }: Staged,
): Promise<CheckedEvent | undefined> {
  const checked = await checkIntegrity(ctx.keyRing.find, event, version).catch((error: unknown) => {
    ctx.log.error('an event could not be checked', { origin, event_id: event.eventId, error })
    return { violation: 'The event could not be checked' }
  })
  if (!('violation' in checked)) return checked
  results[event.eventId] = { error: checked.violation }
  await ctx.store.federation.stagedEvents.delete([{ roomId, eventId: event.eventId }])
  ctx.incomingEvents.release({ roomId, origin })
  return undefined
}

const waitingOf = ({ origin, results }: Answering, { room, event, pdu }: Staged, end: () => void): WaitingEvent => ({
  roomId: room.roomId,
  eventId: event.eventId,
  origin,
  checked: event,
  bytes: pdu.length * 2,
  done({ outcome, reason }) {
    // What an event lacks is no fault of its own: it is looked for again when others follow it.
    if (outcome === 'rejected' || outcome === 'dropped') results[event.eventId] = { error: reason ?? '' }
    end()
  },
})

/** Those that are done before long, by their places; what fails is thrown. */
async function settledSoon<T>({ clock }: Context, work: readonly Promise<T>[]): Promise<Map<number, { event: T }>> {
  const settled = new Map<number, { event: T }>()
  const all = Promise.all(work.map(async (one, index) => void settled.set(index, { event: await one })))
  const waited = Promise.withResolvers<void>()
  const cancel = clock.after(patienceMs, waited.resolve)
  await Promise.race([all, waited.promise]).finally(cancel)
  return new Map(settled)
}
