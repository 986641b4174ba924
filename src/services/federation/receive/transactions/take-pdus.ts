import type { Context } from '#context.ts'
import { isObject, type JsonValue } from '#protocol/events/event.ts'
import { idOfSent } from '#protocol/events/event-id.ts'
import type { ReadEvent } from '#protocol/events/read-event.ts'
import { isValidRoomId, type EventId, type RoomId, type ServerName } from '#protocol/ids.ts'
import { defaultRoomVersion, roomVersion } from '#protocol/rooms/room-version.ts'
import { checkFormat, checkIntegrity } from '#services/federation/receive/check-event.ts'
import type { ReceiveResult } from '#services/federation/receive/ports.ts'
import { endOutside } from '#services/federation/receive/outside-leave.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import { readIncoming, refusedSource } from '#services/federation/receive/receive-event.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { isInTimeline } from '#services/rooms/state/state-before.ts'
import type { TransactionAnswer } from './transaction-answers.ts'
import { stage, unstage } from './staging.ts'
import { WaitingEvent } from './waiting-event.ts'

/**
 * How long the answer waits for keys, and then for the work on the events: what takes longer goes on without it. So a
 * server hears what is wrong with its events and does not send faster than they are taken, yet one slow room holds up
 * the others for no longer than this.
 */
const patienceMs = 1000

type Sent = { origin: ServerName; pdus: readonly JsonValue[] }
/** An event that passed check 1. */
type Incoming = { room: LiveRoom; event: ReadEvent }
type Answering = { origin: ServerName; results: TransactionAnswer['pdus'] }

/** Takes in the events of a transaction; answers what became of each, as far as that is known soon. */
export async function takePdus(ctx: Context, { origin, pdus }: Sent): Promise<TransactionAnswer['pdus']> {
  const answering: Answering = { origin, results: {} }
  const events = claim(ctx, answering, await unknownOf(ctx, await readAll(ctx, answering, pdus)))
  const waiting = events.map(({ room: { roomId }, event: { eventId, pdu, bytes } }) => {
    const one = new WaitingEvent({ roomId, eventId, origin }, { pdu, bytes: bytes * memoryOfByte })
    ctx.incomingEvents.hold(one)
    return one
  })
  const verified = events.map((one, index) => verify(ctx, one, waiting[index]!))
  const enter = (one: WaitingEvent) => (one.result ? undefined : ctx.incomingEvents.add(one))
  const ready = await settledSoon(ctx, verified)
  for (const [index, one] of waiting.entries())
    if (ready.has(index)) enter(one)
    else void verified[index]!.then(() => enter(one))
  const endings = waiting.map(({ ending }) => ending)
  await settledSoon(ctx, endings)
  for (const { eventId, result } of waiting) if (result) answering.results[eventId] = answerOf(result)
  await stage(ctx, waiting)
  return answering.results
}

/** Of the objects that JSON becomes. */
const memoryOfByte = 2

/** What an event lacks is no fault of its own: it is looked for again when others follow it. */
function answerOf({ outcome, reason }: ReceiveResult): { error?: string } {
  const isRefused = outcome === 'rejected' || outcome === 'dropped'
  return isRefused ? { error: reason ?? '' } : {}
}

/** Those of the events that may wait here; the others are refused. */
function claim(ctx: Context, { origin, results }: Answering, events: readonly Incoming[]): Incoming[] {
  return events.filter(({ room: { roomId }, event: { eventId } }) => {
    const isTaken = ctx.incomingEvents.claim({ roomId, origin })
    if (!isTaken) results[eventId] = { error: 'Too many events of this server wait already' }
    return isTaken
  })
}

/** Check 1 and the server ACLs of all; those that fail are answered. Each event once. */
async function readAll(ctx: Context, answering: Answering, pdus: readonly JsonValue[]): Promise<Incoming[]> {
  const events = new Map<EventId, Incoming>()
  for (const value of pdus) {
    const room = await roomOf(ctx, value)
    const ended = room ? undefined : await endedOutside(ctx, { value, origin: answering.origin })
    if (ended) answering.results[ended] = {}
    if (ended) continue
    const read = room ? await readOne(ctx, room, { value, origin: answering.origin }) : unknownRoom
    if (room && 'pdu' in read) {
      events.set(read.eventId, { room, event: read })
      answering.results[read.eventId] = {}
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
async function readOne(ctx: Context, room: LiveRoom, { value, origin }: Source): Promise<ReadEvent | ReceiveResult> {
  const refused = room.isPlaceholder ? undefined : await refusedSource(ctx, room, origin)
  if (refused) return refused
  const read = room.isPlaceholder ? checkFormat(value, room) : await readIncoming(ctx, room, value)
  return 'violation' in read ? { ...unknownRoom, reason: read.violation } : read
}

/** Events that several servers send are worked on once. */
async function unknownOf({ store }: Context, events: readonly Incoming[]): Promise<Incoming[]> {
  const stored = await store.rooms.events.findMany(events.map(({ event }) => event.eventId))
  const known = new Set(stored.flatMap((one) => (isInTimeline(one) ? one.eventId : [])))
  return events.filter(({ event }) => !known.has(event.eventId))
}

/** Checks 2 and 3; an event that fails them is done with. */
async function verify(ctx: Context, { room: { version }, event }: Incoming, waiting: WaitingEvent): Promise<void> {
  const { origin, eventId } = waiting
  const checked = await checkIntegrity(receiveNeeds(ctx), event, version).catch((error: unknown) => {
    ctx.log.error('an event could not be checked', { origin, event_id: eventId, error })
    return { violation: 'The event could not be checked' }
  })
  if (!('violation' in checked)) {
    // Where it is on disk alone by now, it is read from there.
    if (waiting.received) waiting.checked = checked
    return
  }
  waiting.end({ eventId, outcome: 'dropped', reason: checked.violation })
  await unstage(ctx, [waiting])
}

/** The places of those that are done before long; what fails is thrown. */
async function settledSoon({ clock }: Context, work: readonly Promise<void>[]): Promise<ReadonlySet<number>> {
  const settled = new Set<number>()
  const all = Promise.all(work.map((one, index) => one.then(() => settled.add(index))))
  const waited = Promise.withResolvers<void>()
  const cancel = clock.after(patienceMs, waited.resolve)
  await Promise.race([all, waited.promise]).finally(cancel)
  return new Set(settled)
}
