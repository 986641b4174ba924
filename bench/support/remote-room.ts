import { hash } from 'node:crypto'
import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { eventId } from '#protocol/events/event-id.ts'
import type { JsonObject, JsonValue, UnsignedPdu } from '#protocol/events/event.ts'
import { serverOf, type EventId, type RoomId, type ServerName, type UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { signEvent } from '#protocol/events/signatures.ts'
import type { SendJoinAnswer } from '#services/federation/receive/import-send-join.ts'
import { signingKeyFromSeed, type SigningKey } from '#protocol/events/signing-key.ts'
import { stateKey } from '#protocol/state-resolution/state-map.ts'

export const version = roomVersion('11')!
export const remoteRoomId: RoomId = '!room:s0'
const creator: UserId = '@creator:s0'
export const us: UserId = '@us:home'
/** Users with power, to whom the room's forks belong. */
export const powerful = Array.from({ length: 10 }, (_, index): UserId => `@u${index}:s${index}`)

const keys = new Map<ServerName, SigningKey>()

/** The key of any server of the room. */
export function keyOf(serverName: ServerName): SigningKey {
  const known = keys.get(serverName)
  if (known) return known
  const seed = hash('sha256', serverName, 'base64').replace(/=+$/, '')
  const key = signingKeyFromSeed({ serverName, keyId: 'ed25519:1' }, seed)
  keys.set(serverName, key)
  return key
}

export type Change = { type: string; key: string; sender: UserId; content: JsonObject }
export type Made = { id: EventId; pdu: JsonValue }

/** What another server answers to our join, and what happens in the room afterwards. */
export type RemoteJoin = Pick<SendJoinAnswer, 'event' | 'state' | 'authChain'> & { forks: Made[] }

/** A room as other servers have it; events follow the last one unless given others. */
export class RemoteRoom {
  readonly state = new Map<string, EventId>()
  readonly events = new Map<EventId, JsonValue>()
  last: EventId[] = []
  #depth = 0

  add({ type, key, sender, content }: Change, prevs: readonly EventId[] = this.last): Made {
    const draft = { type, sender, state_key: key, content }
    const auth = authEventKeys(draft, version).flatMap(([of, at]) => this.state.get(stateKey(of, at)) ?? [])
    const unsigned: UnsignedPdu = {
      ...draft,
      room_id: remoteRoomId,
      origin_server_ts: 1_700_000_000_000 + this.#depth,
      depth: ++this.#depth,
      prev_events: [...prevs],
      auth_events: auth,
    }
    const signed = signEvent(unsigned, version, keyOf(serverOf(sender)))
    const made = { id: eventId(signed, version), pdu: signed as unknown as JsonValue }
    this.state.set(stateKey(type, key), made.id)
    this.events.set(made.id, made.pdu)
    this.last = [made.id]
    return made
  }
}

/** A public room of so many members on so many servers. */
export function buildRemoteRoom({ members, servers }: { members: number; servers: number }): RemoteRoom {
  const room = new RemoteRoom()
  const users = Object.fromEntries([creator, ...powerful].map((user) => [user, user === creator ? 100 : 50]))
  room.add({ type: 'm.room.create', key: '', sender: creator, content: { room_version: version.id } })
  room.add({ type: 'm.room.member', key: creator, sender: creator, content: { membership: 'join' } })
  room.add({ type: 'm.room.power_levels', key: '', sender: creator, content: { users } })
  room.add({ type: 'm.room.join_rules', key: '', sender: creator, content: { join_rule: 'public' } })
  for (let number = 0; number < members; number++) {
    const sender: UserId = `@u${number}:s${number % servers}`
    const content = {
      membership: 'join',
      displayname: `User ${number}`,
      avatar_url: `mxc://s${number % servers}/a${number}`,
    }
    room.add({ type: 'm.room.member', key: sender, sender, content })
  }
  return room
}
