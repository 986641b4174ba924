import type { ServerName } from '#protocol/ids.ts'
import type { FederationAnswer, FederationRequest, FederationTransport } from '#services/remote/transport.ts'
import { fakeClock, type FakeClock } from '../server/clock.ts'
import { startTestServer, type TestOptions, type TestServer } from '../server/server.ts'

/** Sees each request between servers, and lets it through, changes it, or answers in the place of its destination. */
export type Interceptor = (
  from: ServerName,
  request: FederationRequest,
  send: (request: FederationRequest) => Promise<FederationAnswer>,
) => Promise<FederationAnswer>

/** A server that is none: what answers requests to its name. */
export type FakeServer = (request: FederationRequest, from: ServerName) => Promise<FederationAnswer>

/** Servers that reach each other by name, over HTTP on loopback. */
export class TestNetwork {
  readonly #urls = new Map<ServerName, string>()
  readonly #fakes = new Map<ServerName, FakeServer>()
  readonly #cut = new Set<string>()
  readonly #crashed = new Set<ServerName>()
  /** Every request that was let through, in order. */
  readonly requests: { from: ServerName; destination: ServerName; method: string; uri: string }[] = []
  /** Undefined: requests pass as they are. */
  interceptor: Interceptor | undefined

  add(name: ServerName, url: string): void {
    this.#urls.set(name, url)
    this.#crashed.delete(name)
  }

  addFake(name: ServerName, server: FakeServer): void {
    this.#fakes.set(name, server)
  }

  /** From now on neither of the two reaches the other. */
  cut(one: ServerName, other: ServerName): void {
    this.#cut.add(pairOf(one, other))
  }

  heal(one: ServerName, other: ServerName): void {
    this.#cut.delete(pairOf(one, other))
  }

  healAll(): void {
    this.#cut.clear()
  }

  /** Takes a server away, as when its process is not running. */
  remove(name: ServerName): void {
    this.#urls.delete(name)
  }

  /** Takes a server away in the middle of what it does: what is under way from it and to it gets no answer any more. */
  crash(name: ServerName): void {
    this.#urls.delete(name)
    this.#crashed.add(name)
  }

  /** How the server of this name reaches others. */
  transportOf(from: ServerName): FederationTransport {
    const send = (request: FederationRequest) => this.#send(from, request)
    return {
      send: (request) => (this.interceptor ? this.interceptor(from, request, send) : send(request)),
      close: async () => {},
    }
  }

  async #send(from: ServerName, request: FederationRequest): Promise<FederationAnswer> {
    const { destination, method, uri, headers, body, timeoutMs, maxBytes, signal } = request
    if (this.#cut.has(pairOf(from, destination))) throw new Error('The network is cut')
    this.#requireAlive(from, destination)
    this.requests.push({ from, destination, method, uri })
    const fake = this.#fakes.get(destination)
    if (fake) return untilAborted(fake(request, from), signal)
    const url = this.#urls.get(destination)
    if (url === undefined) throw new Error(`No server ${destination}`)
    const limit = AbortSignal.timeout(timeoutMs)
    const answer = await fetch(url + uri, {
      method,
      headers,
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      ...(body !== undefined && { body }),
    })
    const bytes = new Uint8Array(await answer.arrayBuffer())
    this.#requireAlive(from, destination)
    if (bytes.length > maxBytes) throw new Error('The answer is too large')
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: bytes }
  }

  #requireAlive(...names: ServerName[]): void {
    if (names.some((name) => this.#crashed.has(name))) throw new Error('The connection was lost')
  }
}

/** A server that never answers is waited for no longer than the asker wants to. */
function untilAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return answer
  const aborted = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => aborted.reject(new Error('Aborted')), { once: true })
  return Promise.race([answer, aborted.promise])
}

const pairOf = (one: ServerName, other: ServerName): string => [one, other].sort().join(' ')

/** JSON as a server answers it. */
export const jsonAnswer = (status: number, body: unknown): FederationAnswer => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify(body)),
})

export type Federation = AsyncDisposable & {
  network: TestNetwork
  clock: FakeClock
  servers: readonly TestServer[]
  /** The servers and their background work have nothing left to do. */
  settle(): Promise<void>
}

/** Starts servers of these names, which share a clock and reach each other; `await using` ends them. */
export async function startFederation(names: readonly ServerName[], options: TestOptions = {}): Promise<Federation> {
  const network = new TestNetwork()
  const clock = options.clock ?? fakeClock()
  const servers: TestServer[] = []
  const end = async () => {
    for (const server of servers) await server[Symbol.asyncDispose]()
  }
  try {
    for (const name of names) servers.push(await startFederated(network, name, { ...options, clock }))
  } catch (error) {
    await end()
    throw error
  }
  const settle = async () => {
    // What one does may give another something to do.
    for (let round = 0; round < 3; round++) for (const server of servers) await server.settle()
  }
  return { network, clock, servers, settle, [Symbol.asyncDispose]: end }
}

/** Starts one more server on the network. */
export async function startFederated(
  network: TestNetwork,
  name: ServerName,
  options: TestOptions,
): Promise<TestServer> {
  const settings = { server_name: name, federation: { key_servers: [] }, ...options.settings }
  const server = await startTestServer({ ...options, settings, transport: network.transportOf(name) })
  network.add(name, server.url)
  return server
}
