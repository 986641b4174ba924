import { Agent, type AgentOptions, type ClientRequestArgs } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import type { Socket } from 'node:net'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { dial, ignore, readiness, type Dialing } from './dial.ts'

/** Kept open for the next request. */
const maxIdlePerPlace = 16
const maxIdle = 1024
const idleMs = 30_000
/** Servers whose next connection takes up a session of TLS, and costs no proof of who they are. */
const maxSessions = 1024
const options: AgentOptions = { keepAlive: true, maxFreeSockets: maxIdlePerPlace, timeout: idleMs, scheduling: 'lifo' }

type Done = (error: Error | null, socket: Socket) => void

/** Idle connections of both agents, the longest idle first. */
class IdleSockets {
  readonly #sockets = new Set<Socket>()
  readonly #watched = new WeakSet<Socket>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  add(socket: Socket): void {
    const [oldest] = this.#sockets
    if (oldest && this.#sockets.size >= this.#limit) this.#sockets.delete(oldest.destroy())
    this.#sockets.add(socket)
    if (this.#watched.has(socket)) return
    this.#watched.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  remove(socket: Socket): void {
    this.#sockets.delete(socket)
  }
}

export type Agents = {
  http: Agent
  https: SecureAgent
  close(): void
}

/**
 * Keep connections open and reuse them. A connection is handed to its request only once it stands and the certificate is
 * verified: a request that got none was not sent.
 */
export function createAgents(dialing: Dialing, extraAuthorities: readonly string[], idleLimit = maxIdle): Agents {
  const idle = new IdleSockets(idleLimit)
  const authorities = trustOf(extraAuthorities)
  const http = new Agent(options)
  const https = new SecureAgent({ ...options, maxCachedSessions: maxSessions })
  const openSecure = https.createConnection.bind(https)
  const open = async (place: ClientRequestArgs): Promise<Socket> => {
    const socket = await dial(dialing, String(place.host), Number(place.port))
    await readiness(socket, 'connect')
    return socket
  }
  const secure = async (place: ClientRequestArgs): Promise<Socket> => {
    const socket = await open(place)
    // Whatever the environment says.
    const verified = { rejectUnauthorized: true, secureContext: authorities(), ALPNProtocols: ['http/1.1'] }
    const secured = (openSecure({ ...place, ...verified, socket } as ClientRequestArgs) as Socket).on('error', ignore)
    socket.on('error', (error) => secured.destroy(error))
    await readiness(secured, 'secureConnect')
    return secured
  }
  http.createConnection = connecting(http, open)
  https.createConnection = connecting(https, secure)
  for (const agent of [http, https]) watch(agent, idle)
  const close = () => {
    http.destroy()
    https.destroy()
  }
  return { http, https, close }
}

const connecting =
  (agent: Agent, open: (place: ClientRequestArgs) => Promise<Socket>) =>
  (place: ClientRequestArgs, done?: unknown): undefined => {
    const answer = done as Done
    const fail = (error: Error) => {
      forgetPlace(agent, place)
      answer(error, undefined as unknown as Socket)
    }
    open(place).then((socket) => answer(null, socket), fail)
  }

/** The agent keeps a list of each place's connections, and drops it when the last one closes: there was none. */
function forgetPlace(agent: Agent, place: ClientRequestArgs): void {
  const lists = agent.sockets as Record<string, Socket[] | undefined>
  const name = agent.getName(place)
  if (lists[name]?.length === 0) delete lists[name]
}

function watch(agent: Agent, idle: IdleSockets): void {
  const keep = agent.keepSocketAlive.bind(agent) as (socket: Socket) => boolean
  agent.keepSocketAlive = (socket) => {
    const isKept = keep(socket as Socket)
    if (isKept) idle.add(socket as Socket)
    return isKept
  }
  const reuse = agent.reuseSocket.bind(agent)
  agent.reuseSocket = (socket, request) => {
    idle.remove(socket as Socket)
    reuse(socket, request)
  }
}

/** Made once, when it is first needed: reading all authorities takes a moment. */
function trustOf(extra: readonly string[]): () => SecureContext {
  let made: SecureContext | undefined
  return () =>
    (made ??= createSecureContext(extra.length === 0 ? {} : { ca: [...getCACertificates('default'), ...extra] }))
}
