import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import { checkAuthEvents, type CitedEvents } from '#protocol/auth-rules/check-auth-events.ts'
import { stateFrom, type AuthState } from '#protocol/auth-rules/rejection.ts'
import { eventId, roomIdOfCreate } from '#protocol/events/event-id.ts'
import type { EventReference, JsonObject, Pdu, UnsignedPdu } from '#protocol/events/event.ts'
import { serverOf, type EventId, type RoomId, type UserId } from '#protocol/ids.ts'
import { roomVersion, type RoomVersion } from '#protocol/rooms/room-version.ts'
import { signEvent } from '#protocol/events/signatures.ts'
import { keyOf } from './server-keys.ts'

export const creator = '@creator:one'

/** What a test says of an event; the room fills in the rest. */
export type Draft = Partial<UnsignedPdu> & { type: string }

export type RoomSetup = {
  create?: JsonObject
  /** The whole content; without it the room has the usual levels, with null none at all. */
  powerLevels?: JsonObject | null
  joinRule?: string
  members?: Record<string, string>
}

/** A room made of signed events, each following the one before; nothing is checked while it is built. */
export class ProtocolRoom {
  readonly version: RoomVersion
  readonly roomId: RoomId
  readonly create: Pdu
  readonly events: Pdu[] = []

  constructor(versionId: string, { create = {}, powerLevels, joinRule = 'public', members = {} }: RoomSetup = {}) {
    const version = roomVersion(versionId)
    if (!version) throw new Error(`No room version ${versionId}`)
    this.version = version
    this.create = this.build(createDraft(version, create))
    this.roomId = roomIdOfCreate(this.create, version)
    this.events.push(this.create)
    this.join(creator)
    if (powerLevels !== null) this.add(state('m.room.power_levels', powerLevels ?? this.levels()))
    this.add(state('m.room.join_rules', { join_rule: joinRule }))
    for (const [user, membership] of Object.entries(members)) this.add(member(user, membership, user))
  }

  /** The content of power levels for this version: the creator at 100 where creators need a level. */
  levels(content: JsonObject = {}): JsonObject {
    const { users = {}, ...rest } = content as { users?: JsonObject }
    return { ...rest, users: this.version.creatorsOutrankAll ? users : { [creator]: 100, ...users } }
  }

  /** Adds an event without asking the rules. */
  add(draft: Draft): Pdu {
    const event = this.build(draft)
    this.events.push(event)
    return event
  }

  join(user: UserId): Pdu {
    return this.add(member(user, 'join', user))
  }

  get state(): AuthState {
    return stateFrom(this.events)
  }

  /** The number of the rule that rejects the event in the room's state, undefined when it is allowed. */
  rejectedBy(draft: Draft): string | undefined {
    return authorize(this.build(draft), this.version, this.state)?.rule
  }

  /** The number of the rule that rejects what the event cites, undefined when it cites what it must. */
  citationRejectedBy(draft: Draft, cited: Partial<CitedEvents> = {}): string | undefined {
    const event = this.build(draft)
    const create = this.version.roomIdIsCreateHash ? { create: this.create } : {}
    const usual = { authEvents: this.authEvents(event), isRejected: () => false, ...create }
    return checkAuthEvents(event, this.version, { ...usual, ...cited })?.rule
  }

  /** A complete event at the end of the room, signed by its sender's server. */
  build(draft: Draft): Pdu {
    const last = this.events.at(-1)
    const event: UnsignedPdu = {
      sender: creator,
      ...(this.roomId ? { room_id: this.roomId } : {}),
      content: {},
      origin_server_ts: 1_700_000_000_000 + this.events.length,
      depth: this.events.length + 1,
      prev_events: this.references(last ? [last] : []),
      auth_events: [],
      ...(this.version.eventFormat === 'v1' ? { event_id: `$${this.events.length}:one` as EventId } : {}),
      ...draft,
    }
    if (!draft.auth_events) event.auth_events = this.references(this.authEvents(event))
    return signEvent(event, this.version, keyOf(serverOf(event.sender)))
  }

  idOf(event: Pdu): EventId {
    return eventId(event, this.version)
  }

  authEvents(event: Pick<Pdu, 'type' | 'sender' | 'state_key' | 'content'>): Pdu[] {
    const keys = authEventKeys(event, this.version)
    return keys.map(([type, stateKey]) => this.state(type, stateKey)).filter((found) => found !== undefined)
  }

  references(events: Pdu[]): EventId[] | EventReference[] {
    const ids = events.map((event) => this.idOf(event))
    return this.version.eventFormat === 'v1' ? ids.map((id): EventReference => [id, { sha256: 'x' }]) : ids
  }
}

/** A state event by the creator. */
export function state(type: string, content: JsonObject, stateKey = ''): Draft {
  return { type, content, state_key: stateKey }
}

/** A change of a membership. */
export function member(sender: string, membership: string, target: string, more: JsonObject = {}): Draft {
  return { type: 'm.room.member', sender: sender as UserId, state_key: target, content: { membership, ...more } }
}

function createDraft(version: RoomVersion, content: JsonObject): Draft {
  return {
    type: 'm.room.create',
    state_key: '',
    content: { ...(version.creators === 'content' ? { creator } : {}), room_version: version.id, ...content },
    ...(version.roomIdIsCreateHash ? {} : { room_id: '!room:one' as RoomId }),
  }
}
