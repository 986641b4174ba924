import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createListener, type AddressInfo, type Server as Listener } from 'node:net'
import { json } from 'node:stream/consumers'
import type { JsonObject, Pdu } from '#protocol/events/event.ts'
import { signJson } from '#protocol/events/signatures.ts'
import { encodePublicKey } from '#protocol/events/signing-key.ts'
import type { RoomId, ServerName, UserId } from '#protocol/ids.ts'
import { member } from '../../spec-tests/support/generators/acts.ts'
import { keyOf } from '../../spec-tests/support/generators/server-keys.ts'
import type { TestRoom } from '../../spec-tests/support/generators/test-room.ts'
import type { TestAuthority } from '../../spec-tests/support/outgoing/certificates.ts'

/** What a server of ours sent one of the peers. */
export type Arrived = { peer: ServerName; pdus: Pdu[] }

const address = '127.0.0.1'
const federation = '/_matrix/federation'
const dayMs = 86_400_000

/**
 * Other servers: each a name with a port of its own, all answered by one. They say which keys they have, let users into
 * the rooms they hold, and take what they are sent.
 */
export class Peers {
  readonly names: readonly ServerName[]
  /** Rooms that may be joined through any of them. */
  readonly rooms = new Map<RoomId, TestRoom>()
  onTransaction: (arrived: Arrived) => void = () => {}
  readonly #server: Server
  readonly #listeners: readonly Listener[]

  private constructor(server: Server, listeners: readonly Listener[]) {
    this.names = listeners.map((listener) => `${address}:${(listener.address() as AddressInfo).port}`)
    this.#server = server
    this.#listeners = listeners
    server.on('request', (request, response) => void this.#answer(request, response))
  }

  static async start(count: number, authority: TestAuthority): Promise<Peers> {
    const server = createServer({ ...authority.identity(address), keepAliveTimeout: 60_000 })
    const listeners: Listener[] = []
    for (let number = 0; number < count; number++) {
      const listener = createListener((socket) => server.emit('connection', socket))
      await new Promise<void>((resolve) => listener.listen(0, address, resolve))
      listeners.push(listener)
    }
    return new Peers(server, listeners)
  }

  close(): void {
    for (const listener of this.#listeners) listener.close()
    this.#server.closeAllConnections()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = request.method === 'PUT' ? ((await json(request)) as JsonObject) : {}
    const answer = this.#answerTo(request.headers.host ?? '', request.url ?? '', body)
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer ?? { errcode: 'M_UNRECOGNIZED', error: 'Not known' }))
  }

  #answerTo(peer: ServerName, url: string, body: JsonObject): object | undefined {
    if (url === '/_matrix/key/v2/server') return keysOf(peer)
    const [path = ''] = url.split('?')
    if (path.startsWith(`${federation}/v1/send/`)) {
      this.onTransaction({ peer, pdus: body.pdus as unknown as Pdu[] })
      return { pdus: {} }
    }
    const [, step, roomId = '', last = ''] =
      /^\/_matrix\/federation\/v\d\/(make|send)_join\/([^/]+)\/([^/]+)$/.exec(path) ?? []
    const room = this.rooms.get(decodeURIComponent(roomId) as RoomId)
    if (!room) return undefined
    return step === 'make' ? template(room, decodeURIComponent(last) as UserId) : takeJoin(room, body as unknown as Pdu)
  }
}

function keysOf(peer: ServerName): object {
  const key = keyOf(peer)
  const verifyKeys = { [key.keyId]: { key: encodePublicKey(key.publicKey) } }
  const until = Date.now() + dayMs
  return signJson({ server_name: peer, valid_until_ts: until, verify_keys: verifyKeys, old_verify_keys: {} }, key)
}

function template(room: TestRoom, user: UserId): object {
  const { hashes: _hashes, signatures: _signatures, ...event } = room.make(member(user, user, 'join'))
  return { room_version: room.version.id, event }
}

function takeJoin(room: TestRoom, join: Pdu): object {
  const state = [...room.replay.stateBefore(room.order.slice(-1)).values()].map((id) => room.json(id))
  room.take(join)
  return { origin: '', members_omitted: false, event: join, state, auth_chain: state.slice(0, 4) }
}
