import { hash } from 'node:crypto'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import { checkAuthEvents, type CitedEvents } from '#protocol/auth-rules/check-auth-events.ts'
import type { AuthState } from '#protocol/auth-rules/rejection.ts'
import { canonicalJson } from '#protocol/json/canonical-json.ts'
import { eventId } from '#protocol/events/event-id.ts'
import type { EventReference, JsonObject, JsonValue, Pdu, UnsignedPdu } from '#protocol/events/event.ts'
import { serverOf, type EventId, type RoomId, type UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { requiredSigners, signEvent } from '#protocol/events/signatures.ts'
import { stateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'
import { RoomReplay } from '../federation/room-replay.ts'
import { levelsIn, type Act } from './acts.ts'
import { keyOf } from './server-keys.ts'

/** Where an act stands in the graph, and how it presents itself; at the end of the room unless said otherwise. */
export type Place = {
  prevs?: readonly EventId[]
  /** The state whose events entitle the sender; the one after `prevs` unless said otherwise. */
  authState?: StateMap
  sentAt?: number
  depth?: number
}

export type RoomOptions = {
  roomId?: RoomId
  /** Whether events are really hashed and signed, by every server that must; ids derive from the content in any case. */
  signed?: boolean
  /** Whether the rules decide what changes the state; without them each state event changes the only one there is. */
  ruled?: boolean
}

export const startOfTime = 1_700_000_000_000

/** A room whose events are made to order: any act, anywhere in the graph, with an id derived from the content. */
export class TestRoom {
  readonly version: RoomVersion
  readonly order: EventId[] = []
  replay: RoomReplay
  roomId: RoomId
  readonly #signed: boolean

  constructor(version: RoomVersion, { roomId = '!room:s0.test', signed = false, ruled = true }: RoomOptions = {}) {
    this.version = version
    this.replay = new RoomReplay(version, { ruled })
    this.roomId = roomId
    this.#signed = signed
  }

  /** Makes the event and takes it in. */
  add(act: Act, place?: Place): EventId {
    return this.take(this.make(act, place))
  }

  /** The event that the act becomes, not yet part of the room. */
  make(act: Act, place: Place = {}): Pdu {
    const draft = this.#draft(act, place)
    if (this.version.eventIds === 'chosen-by-origin') draft.event_id ??= chosenId(draft)
    if (!this.#signed) return { hashes: { sha256: '' }, signatures: {}, ...draft }
    const origin = serverOf(draft.sender)
    const signed = signEvent(draft, this.version, keyOf(origin))
    const others = requiredSigners(signed, this.version).filter((server) => server !== origin)
    return others.reduce((pdu, server) => signEvent(pdu, this.version, keyOf(server)), signed)
  }

  /** Takes in an event that was made before. */
  take(pdu: Pdu): EventId {
    const id = this.idOf(pdu)
    if (this.replay.events.has(id)) return id
    if (this.order.length === 0 && this.version.roomIdIsCreateHash) this.roomId = `!${id.slice(1)}`
    this.replay.add(id, pdu)
    this.order.push(id)
    return id
  }

  /** Forgets all but so many first events. */
  keepFirst(count: number): void {
    const kept = this.events.slice(0, count)
    this.order.length = 0
    this.replay = new RoomReplay(this.version, { ruled: this.replay.ruled })
    for (const pdu of kept) this.take(pdu)
  }

  /** The events in the order in which they were taken in. */
  get events(): Pdu[] {
    return this.order.map((id) => this.pdu(id))
  }

  get create(): Pdu {
    return this.pdu(this.order[0]!)
  }

  pdu(id: EventId): Pdu {
    return this.replay.events.get(id)!
  }

  /** The event as another server sends it. */
  json(id: EventId): JsonValue {
    return this.pdu(id) as unknown as JsonValue
  }

  idOf(event: Pdu): EventId {
    return eventId(event, this.version)
  }

  /** Which event holds the place in the state after these. */
  entry(forwardExtremities: readonly EventId[], type: string, key = ''): EventId | undefined {
    return this.replay.stateBefore(forwardExtremities).get(stateKey(type, key))
  }

  /** The state at the end of the room. */
  get state(): AuthState {
    const entries = this.replay.stateBefore(this.order.slice(-1))
    return (type, key) => this.replay.events.get(entries.get(stateKey(type, key)) ?? '$')
  }

  /** The content of power levels with the room's creator at 100 where creators need a level. */
  levels(content: JsonObject = {}): JsonObject {
    return levelsIn(this.version, this.create.sender, content)
  }

  /** The number of the rule that rejects the act at the end of the room, undefined when it is allowed. */
  rejectedBy(act: Act): string | undefined {
    return authorize(this.make(act), this.version, this.state)?.rule
  }

  /** The number of the rule that rejects what the event cites, undefined when it cites what it must. */
  citationRejectedBy(act: Act, cited: Partial<CitedEvents> = {}): string | undefined {
    const event = this.make(act)
    const create = this.version.roomIdIsCreateHash ? { create: this.create } : {}
    const usual = { authEvents: this.authEvents(event), isRejected: () => false, ...create }
    return checkAuthEvents(event, this.version, { ...usual, ...cited })?.rule
  }

  /** The events at the end of the room that an honest server cites for this one. */
  authEvents(event: UnsignedPdu): Pdu[] {
    return this.replay.authEventsFor(event, this.replay.stateBefore(this.order.slice(-1))).map((id) => this.pdu(id))
  }

  /** Ids as events of this version cite them. */
  references(ids: readonly EventId[]): EventId[] | EventReference[] {
    return this.version.eventFormat === 'v1' ? ids.map((id): EventReference => [id, { sha256: 'x' }]) : [...ids]
  }

  #draft(act: Act, { prevs = this.order.slice(-1), authState, sentAt, depth }: Place): UnsignedPdu {
    const isCreate = act.type === 'm.room.create' && this.version.roomIdIsCreateHash
    const draft: UnsignedPdu = {
      ...(isCreate ? {} : { room_id: this.roomId }),
      sender: this.#creator(),
      content: {},
      origin_server_ts: sentAt ?? startOfTime + this.order.length * 1000,
      depth: depth ?? Math.max(0, ...prevs.map((id) => this.pdu(id).depth)) + 1,
      prev_events: this.references(prevs),
      auth_events: [],
      ...act,
    }
    if (act.auth_events) return draft
    const entitling = this.replay.authEventsFor(draft, authState ?? this.replay.stateBefore(prevs))
    return { ...draft, auth_events: this.references(entitling) }
  }

  #creator(): UserId {
    return this.order.length > 0 ? this.create.sender : '@creator:one'
  }
}

/** What an honest server might have named its event in the first room versions. */
function chosenId(draft: UnsignedPdu): EventId {
  return `$${hash('sha256', canonicalJson(draft), 'base64url').slice(0, 20)}:${serverOf(draft.sender)}`
}
