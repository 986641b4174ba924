import type { IncomingMessage } from 'node:http'
import { about } from '#base/about.ts'
import type { Clock } from '#base/clock.ts'
import type { Config } from '#base/config/schema.ts'
import type { Metrics } from '#base/metrics.ts'
import { OutgoingError, type Outgoing, type OutgoingRequest, type OutgoingStream } from '#base/outgoing.ts'
import { createAgents, type Agents } from './agents.ts'
import { asOutgoing, exchange } from './exchange.ts'
import { limitedBody, refusalOf } from './limited-body.ts'
import type { Network } from './network.ts'
import { addressGate } from './public-address.ts'
import { CachingResolver } from './resolver.ts'
import { hopOf, redirection, refusalOfUrl, urlOf, type Hop } from './hop.ts'
import { Slots } from './slots.ts'
import { TimeLimits, type TimeLimit } from './time-limits.ts'
import { WholeBodies } from './whole-body.ts'

/** Requests that run at once, each on a connection of its own, and those that wait for their turn. */
const maxRunning = 1024
const maxRunningPerPlace = 32
const maxWaiting = 20_000
const usualIdleMs = 15_000

type Making = {
  config: Config
  clock: Clock
  network: Network
  authorities: readonly string[]
  metrics: Pick<Metrics, 'countOutgoing'>
}

/** Makes the one client for requests to other machines. */
export function createOutgoing({ config, clock, network, authorities, metrics }: Making): Outgoing {
  const resolver = new CachingResolver(network, clock)
  const isAllowed = addressGate(config.outgoing.allowed_networks)
  const agents = createAgents({ network, resolver, isAllowed }, authorities)
  const slots = new Slots({ perKey: maxRunningPerPlace, inAll: maxRunning, waiting: maxWaiting })
  metrics.countOutgoing({ running: () => slots.running, waiting: () => slots.waiting })
  const { name, version } = about()
  const agentName = `${name[0]?.toUpperCase()}${name.slice(1)}/${version}`
  const limits = new TimeLimits()
  const whole = new WholeBodies()
  const open = (request: OutgoingRequest) => openAnswer({ agents, slots, agentName, limits }, request)
  return {
    open,
    async fetch(request) {
      const { body, ...head } = await open(request)
      return { ...head, body: await whole.read(body) }
    },
    refusal: (url) => refusalOfUrl(url, isAllowed),
    findServices: (service) => resolver.services(service),
    async close() {
      limits.endAll('The server stops')
      agents.close()
      network.cancel()
    },
  }
}

type Means = { agents: Agents; slots: Slots; agentName: string; limits: TimeLimits }

async function openAnswer(means: Means, request: OutgoingRequest): Promise<OutgoingStream> {
  const limit = means.limits.start(request.timeoutMs, request.signal)
  const { signal } = limit
  let isUnsent = true
  try {
    for (let hops = 0, to = request.to; ; hops++) {
      const hop = hopOf(to, request.allowsHttp ?? false)
      const response = await ask(means, request, { hop, isFirst: hops === 0, signal })
      isUnsent = false
      const next = redirection(request, hop, response)
      if (next === undefined) return streamOf(response, request, { hop, limit })
      response.destroy()
      if (hops >= (request.maxRedirects ?? 0)) throw new OutgoingError('Too many redirects', { isUnsent })
      to = next
    }
  } catch (error) {
    limit.end()
    const failure = asOutgoing(error, isUnsent)
    const message = signal.aborted ? (signal.reason as Error).message : failure.message
    throw new OutgoingError(message, { isUnsent: isUnsent && failure.isUnsent, cause: error })
  }
}

type Step = { hop: Hop; isFirst: boolean; signal: AbortSignal }

async function ask(
  { agents, slots, agentName }: Means,
  request: OutgoingRequest,
  { hop, isFirst, signal }: Step,
): Promise<IncomingMessage> {
  const release = await slots.take(`${hop.isPlain}|${hop.host}|${hop.port}|${hop.certificateName}`, signal)
  try {
    // Where a redirect leads may be another's: credentials and the like stay with the first.
    const headers = { 'user-agent': agentName, ...(isFirst && request.headers) }
    const response = await exchange(agents, hop, { method: request.method, body: request.body, headers, signal })
    if (response.closed) release()
    else response.once('close', release)
    return response
  } catch (error) {
    release()
    throw error
  }
}

type Reading = { hop: Hop; limit: TimeLimit }

function streamOf(response: IncomingMessage, request: OutgoingRequest, { hop, limit }: Reading): OutgoingStream {
  const { maxBytes, accepts, idleMs = usualIdleMs } = request
  const refusal = refusalOf(response, { maxBytes, accepts })
  if (refusal !== undefined) {
    response.destroy()
    throw new OutgoingError(refusal, { isUnsent: false })
  }
  if (response.closed) limit.end()
  else response.once('close', () => limit.end())
  const headers = Object.entries(response.headers).map(([name, value = '']) => [
    name,
    Array.isArray(value) ? value.join(', ') : value,
  ])
  return {
    status: response.statusCode ?? 0,
    headers: Object.fromEntries(headers) as Record<string, string>,
    url: urlOf(hop),
    body: limitedBody(response, { maxBytes, idleMs, signal: limit.signal }),
  }
}
