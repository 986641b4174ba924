import type { JsonObject, JsonValue, Pdu } from '#protocol/events/event.ts'
import { signEvent, signJson } from '#protocol/events/signatures.ts'
import { encodePublicKey, type SigningKey } from '#protocol/events/signing-key.ts'
import type { EventId, ServerName, UserId } from '#protocol/ids.ts'
import { authorizationHeader } from '#protocol/request-signature.ts'
import type { FederationAnswer, FederationRequest } from '#services/remote/transport.ts'
import { alice } from '../generators/scene.ts'
import { keyOf } from '../generators/server-keys.ts'
import type { TestReply } from '../server/client.ts'
import type { TestServer } from '../server/server.ts'
import { jsonAnswer, type TestNetwork } from './network.ts'
import { openedRoom } from '../generators/opened-room.ts'
import type { TestRoom } from '../generators/test-room.ts'
import { sendJoinAnswer } from './send-join-answer.ts'

/** What the server says in the place of the truth; each gets what an honest server would say. */
export type Lies = {
  /** In answer to `make_join`, `make_leave` and `make_knock`. */
  template?: (answer: { room_version: string; event: JsonObject }) => unknown
  /** In answer to `send_join` and `send_knock`. */
  sent?: (answer: JsonObject) => unknown
  /** In answer to an invite of one of its users: the event with its signature. */
  invite?: (event: Pdu) => unknown
  /** Any answer; undefined: it is honest. */
  answer?: (method: string, path: readonly string[]) => FederationAnswer | undefined
}

/** A request that was made to it. */
export type Asked = { method: string; path: string[]; content: JsonObject }

/** The server of Alice, with a key and a room of its own, which can lie at any step. It knows the whole protocol of joins. */
export class HostileServer {
  readonly name: ServerName = 's0.test'
  readonly key: SigningKey = keyOf('s0.test')
  readonly room: TestRoom
  readonly asked: Asked[] = []
  lies: Lies = {}
  readonly #clock: { now(): number }

  constructor(
    network: TestNetwork,
    clock: { now(): number },
    { version = '11', joinRule = 'public', name = 'room' } = {},
  ) {
    this.room = foreignRoom(version, { joinRule, name })
    this.#clock = clock
    network.addFake(this.name, async (request) => this.#answer(request))
    // Events of other servers' users are signed by these, whose keys can be asked for.
    for (const name of ['s1.test', 's2.test']) network.addFake(name, async () => this.#keys(name))
  }

  get roomId() {
    return this.room.roomId
  }

  get version() {
    return this.room.version
  }

  /** The events that others sent it to be signed or taken in, newest last. */
  given(step: string): Pdu[] {
    return this.asked.filter(({ path }) => path.includes(step)).map(({ content }) => content as unknown as Pdu)
  }

  /** Makes an event that is not in the room, signed by the server of its sender. */
  event(sender: UserId, content: JsonObject, more: JsonObject = {}): { pdu: Pdu; eventId: EventId } {
    const act = { type: 'm.room.member', sender, content, ...more }
    const pdu = this.room.make(act)
    return { pdu, eventId: this.room.idOf(pdu) }
  }

  /** The same with the key given, after whatever was changed. */
  resign(pdu: Pdu, key: SigningKey = this.key): { pdu: Pdu; eventId: EventId } {
    const signed = signEvent({ ...pdu, signatures: {} }, this.version, key)
    return { pdu: signed, eventId: this.room.idOf(signed) }
  }

  /** Asks a server something in this one's name. */
  send(server: TestServer, method: string, path: readonly string[], content?: unknown): Promise<TestReply> {
    const uri = `/_matrix/federation/${path.map(encodeURIComponent).join('/')}`
    return this.sendTo(server, method, uri, content)
  }

  /** The same with a path that is written out, and its query. */
  sendTo(server: TestServer, method: string, uri: string, content?: unknown): Promise<TestReply> {
    const destination = server.context.config.server_name
    const signed = { method, uri, origin: this.name, destination, content: content as JsonObject | undefined }
    const headers = { authorization: authorizationHeader(signed, this.key) }
    return server.anonymous.request(method, uri, content, { headers })
  }

  #answer({ method, uri, body }: FederationRequest): FederationAnswer {
    const [path = ''] = uri.split('?')
    const parts = path.split('/').slice(1).map(decodeURIComponent)
    const content = body === undefined ? {} : (JSON.parse(String(body)) as JsonObject)
    this.asked.push({ method, path: parts, content })
    return this.lies.answer?.(method, parts) ?? this.#honestly(parts, content)
  }

  #honestly([, area, , step = '', ...rest]: string[], content: JsonObject): FederationAnswer {
    if (area === 'key') return this.#keys(this.name)
    if (step.startsWith('make_')) return this.#template(step.slice('make_'.length), rest[1] as UserId)
    if (step === 'send_join') return this.#takeJoin(content as unknown as Pdu)
    if (step === 'send_knock') return this.#say(this.lies.sent, { knock_room_state: this.#stripped() })
    if (step === 'send_leave') return jsonAnswer(200, {})
    if (step === 'invite') return this.#sign(content.event as unknown as Pdu)
    if (step === 'query') return jsonAnswer(200, { room_id: this.roomId, servers: [this.name] })
    return jsonAnswer(404, { errcode: 'M_UNRECOGNIZED', error: 'Unrecognized request' })
  }

  #keys(name: ServerName): FederationAnswer {
    const keys = { [this.key.keyId]: { key: encodePublicKey(keyOf(name).publicKey) } }
    const until = this.#clock.now() + 3_600_000
    const said = { server_name: name, valid_until_ts: until, verify_keys: keys, old_verify_keys: {} }
    return jsonAnswer(200, signJson(said, keyOf(name)))
  }

  #template(membership: string, userId: UserId): FederationAnswer {
    const { pdu } = this.event(userId, { membership }, { state_key: userId })
    const { hashes, signatures, event_id, origin_server_ts, ...event } = pdu
    return this.#say(this.lies.template, { room_version: this.version.id, event: event as unknown as JsonObject })
  }

  #takeJoin(pdu: Pdu): FederationAnswer {
    const join = this.room.take(pdu)
    const { event, state, authChain } = sendJoinAnswer(this.room, join)
    const told = { origin: this.name, members_omitted: false, event, state, auth_chain: authChain }
    return this.#say(this.lies.sent, told as unknown as JsonObject)
  }

  #sign(event: Pdu): FederationAnswer {
    const signed = signEvent(event, this.version, this.key)
    return jsonAnswer(200, { event: this.lies.invite?.(signed) ?? signed })
  }

  #say<T extends JsonValue>(lie: ((honest: T) => unknown) | undefined, honest: T): FederationAnswer {
    return jsonAnswer(200, lie?.(honest) ?? honest)
  }

  #stripped(): JsonValue[] {
    return this.room.events.map(({ type, sender, state_key: key = '', content }) => ({
      type,
      sender,
      state_key: key,
      content,
    }))
  }
}

/** A room of the server of Alice, unlike those of other names. */
export function foreignRoom(version: string, { joinRule = 'public', name = 'room' } = {}): TestRoom {
  // From version 12 the room's id follows from its create event.
  const create = name === 'room' ? {} : { 'org.example.name': name }
  return openedRoom(version, { creator: alice, joinRule, create, roomId: `!${name}:s0.test` })
}

export { alice }
