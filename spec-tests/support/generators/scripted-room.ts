import { hash } from 'node:crypto'
import { canonicalJson } from '#protocol/json/canonical-json.ts'
import { eventId } from '#protocol/events/event-id.ts'
import type { EventReference, JsonObject, Pdu, UnsignedPdu } from '#protocol/events/event.ts'
import { serverOf, type EventId, type RoomId, type UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { requiredSigners, signEvent } from '#protocol/events/signatures.ts'
import { stateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'
import { RoomReplay } from '../federation/room-replay.ts'
import { keyOf } from './server-keys.ts'

/**
 * What a user does in a room, before it becomes an event; an id only where the first room versions allow choosing one.
 */
export type Act = {
  type: string
  sender: UserId
  state_key?: string
  content: JsonObject
  event_id?: EventId
  redacts?: EventId
}

/** The position of an act in the event graph, and its depth and time. */
export type GraphPosition = {
  prevs: readonly EventId[]
  /** The state from which auth events are selected; the one after `prevs` when absent. */
  authState?: StateMap
  sentAt?: number
  depth?: number
}

export const startOfTime = 1_700_000_000_000

/** A room whose events are made to order: any act, anywhere in the graph, with an id derived from the content. */
export class ScriptedRoom {
  readonly version: RoomVersion
  readonly replay: RoomReplay
  readonly order: EventId[] = []
  roomId: RoomId
  readonly #signed: boolean

  constructor(version: RoomVersion, { roomId = '!room:s0.test' as RoomId, signed = false } = {}) {
    this.version = version
    this.replay = new RoomReplay(version)
    this.roomId = roomId
    this.#signed = signed
  }

  /** Makes the event and adds it. */
  send(act: Act, place: GraphPosition): EventId {
    return this.add(this.make(act, place))
  }

  /** The event that the act becomes, not yet part of the room. */
  make(act: Act, place: GraphPosition): Pdu {
    const draft = this.#draft(act, place)
    if (this.version.eventIds === 'chosen-by-origin') draft.event_id ??= chosenId(draft)
    if (!this.#signed) return { ...draft, hashes: { sha256: '' }, signatures: {} }
    const signed = signEvent(draft, this.version, keyOf(serverOf(act.sender)))
    const others = requiredSigners(signed, this.version).filter((server) => server !== serverOf(act.sender))
    return others.reduce((pdu, server) => signEvent(pdu, this.version, keyOf(server)), signed)
  }

  add(pdu: Pdu): EventId {
    const id = eventId(pdu, this.version)
    if (this.replay.events.has(id)) return id
    if (this.order.length === 0 && this.version.roomIdIsCreateHash) this.roomId = `!${id.slice(1)}`
    this.replay.add(id, pdu)
    this.order.push(id)
    return id
  }

  /** Which event holds the state key in the state after these. */
  entry(forwardExtremities: readonly EventId[], type: string, key = ''): EventId | undefined {
    return this.replay.stateBefore(forwardExtremities).get(stateKey(type, key))
  }

  #draft(act: Act, { prevs, authState = this.replay.stateBefore(prevs), sentAt, depth }: GraphPosition): UnsignedPdu {
    const depths = prevs.map((id) => this.replay.events.get(id)!.depth)
    const draft: UnsignedPdu = {
      ...act,
      origin_server_ts: sentAt ?? startOfTime + this.order.length * 1000,
      depth: depth ?? Math.max(0, ...depths) + 1,
      prev_events: references(prevs, this.version),
      auth_events: [],
    }
    if (act.type !== 'm.room.create' || !this.version.roomIdIsCreateHash) draft.room_id = this.roomId
    draft.auth_events = references(this.replay.authEventsFor(draft, authState), this.version)
    return draft
  }
}

function references(ids: readonly EventId[], version: RoomVersion): EventId[] | EventReference[] {
  return version.eventFormat === 'v1' ? ids.map((id): EventReference => [id, { sha256: 'x' }]) : [...ids]
}

/** What an honest server might have named its event in the first room versions. */
function chosenId(draft: UnsignedPdu): EventId {
  return `$${hash('sha256', canonicalJson(draft), 'base64url').slice(0, 20)}:${serverOf(draft.sender)}`
}
