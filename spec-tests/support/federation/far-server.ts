import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { citationOf, eventId } from '#protocol/events/event-id.ts'
import type { JsonObject, JsonValue, Pdu, UnsignedPdu } from '#protocol/events/event.ts'
import { signEvent, signJson } from '#protocol/events/signatures.ts'
import { encodePublicKey } from '#protocol/events/signing-key.ts'
import type { EventId, RoomId, ServerName } from '#protocol/ids.ts'
import { authorizationHeader } from '#protocol/request-signature.ts'
import type { FederationRequest } from '#services/remote/transport.ts'
import { canonicalJson } from '#protocol/json/canonical-json.ts'
import { loadPdus } from '#services/rooms/events/load-events.ts'
import type { FakeClock } from '../server/clock.ts'
import type { TestServer } from '../server/server.ts'
import type { FullAct } from '../generators/acts.ts'
import { keyOf } from '../generators/server-keys.ts'
import { jsonAnswer, type TestNetwork } from './network.ts'

/** What a server of the tests answers to a request: its JSON, or nothing where it fails. */
export type FarAnswer = (request: FederationRequest) => Promise<JsonValue | undefined> | JsonValue | undefined

/** Where an event stands in the graph; at the end of the room unless said otherwise. */
export type FarPlace = { prevs?: readonly EventId[]; auths?: readonly EventId[]; depth?: number; sentAt?: number }

/** A server that says whatever a test wants it to say, signed with its own key. */
export class FarServer {
  readonly name: ServerName
  readonly #clock: FakeClock
  readonly #answers = new Map<string, FarAnswer>()
  /** Paths that it was asked for, without their queries. */
  readonly asked: string[] = []
  #transactions = 0

  constructor({ network, clock }: { network: TestNetwork; clock: FakeClock }, name: ServerName) {
    this.name = name
    this.#clock = clock
    network.addFake(name, async (request) => {
      const path = decodeURIComponent(request.uri.split('?')[0] ?? '')
      if (path === '/_matrix/key/v2/server') return jsonAnswer(200, this.#keys())
      this.asked.push(path)
      const [, answer] = [...this.#answers].find(([prefix]) => path.startsWith(prefix)) ?? []
      const value = await answer?.(request)
      return value === undefined ? jsonAnswer(404, { errcode: 'M_UNRECOGNIZED' }) : jsonAnswer(200, value)
    })
  }

  /** What it answers to paths that begin so. */
  on(prefix: string, answer: FarAnswer): void {
    this.#answers.set(prefix, answer)
  }

  /** A signed request to a server. */
  async request(target: TestServer, method: 'GET' | 'POST' | 'PUT', uri: string, content?: JsonObject) {
    const destination = target.context.config.server_name
    const header = authorizationHeader({ method, uri, origin: this.name, destination, content }, keyOf(this.name))
    const headers = { authorization: header }
    // As it was signed: JSON.stringify writes no large integers.
    const text = content && canonicalJson(content, 'as-sent')
    const { status, body } = await target.anonymous.request(method, uri, text, { headers })
    return { status, body }
  }

  /** Sends events and EDUs. */
  async send(
    target: TestServer,
    pdus: readonly unknown[],
    { edus = [], id = `${++this.#transactions}` }: { edus?: readonly JsonObject[]; id?: string } = {},
  ) {
    const content = { pdus: pdus as JsonValue[], edus: [...edus] }
    const { status, body } = await this.request(target, 'PUT', `/_matrix/federation/v1/send/${id}`, content)
    return { status, results: (body.pdus ?? {}) as Record<string, { error?: string }>, body }
  }

  /** An event of the room as the target has it now. */
  async make(
    target: TestServer,
    roomId: RoomId,
    act: FullAct,
    place: FarPlace = {},
  ): Promise<{ id: EventId; pdu: Pdu }> {
    const room = (await target.context.rooms.findStored(roomId))!
    const { version } = room
    const prevs = place.prevs ?? room.forwardExtremities
    const auths =
      place.auths ??
      authEventKeys(act as unknown as Pdu, version).flatMap(([type, key]) => room.entry(type, key)?.eventId ?? [])
    const pdus = version.eventFormat === 'v1' ? await loadPdus(target.context, room, [...prevs, ...auths]) : new Map()
    const cite = (ids: readonly EventId[]) => ids.map((id) => (pdus.has(id) ? citationOf(pdus.get(id), version) : id))
    const draft = {
      room_id: roomId,
      origin_server_ts: place.sentAt ?? this.#clock.now(),
      depth: place.depth ?? room.depth + 1,
      prev_events: cite(prevs),
      auth_events: cite(auths),
      ...act,
    } as unknown as UnsignedPdu
    const pdu = signEvent(draft, version, keyOf(this.name))
    return { id: eventId(pdu, version), pdu }
  }

  /** A user of it enters a public room of the target. */
  async join(target: TestServer, roomId: RoomId, userId: string): Promise<EventId> {
    const content = { membership: 'join' }
    const act = { type: 'm.room.member', sender: userId, state_key: userId, content } as FullAct
    const { id, pdu } = await this.make(target, roomId, act)
    const { results } = await this.send(target, [pdu])
    if (results[id]?.error !== undefined) throw new Error(`The join failed: ${results[id].error}`)
    return id
  }

  #keys() {
    const { keyId, publicKey } = keyOf(this.name)
    const content = {
      server_name: this.name,
      valid_until_ts: this.#clock.now() + 3_600_000,
      verify_keys: { [keyId]: { key: encodePublicKey(publicKey) } },
      old_verify_keys: {},
    }
    return signJson(content, keyOf(this.name))
  }
}
