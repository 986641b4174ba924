import type { Clock } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import type { Outgoing, OutgoingAnswer } from '#base/outgoing.ts'
import { recentMap } from '#base/recent-map.ts'
import { isObject } from '#protocol/events/event.ts'
import { parseStrictJson } from '#protocol/json/parse-json.ts'
import { cacheLifetime } from './cache-lifetime.ts'
import { parseServerAddress, type ServerAddress } from './server-address.ts'

type Needs = { outgoing: Outgoing; clock: Clock; log: Log }
/** `delegated` is undefined where the host says nothing that can be used. */
type Known = { delegated: ServerAddress | undefined; fetchedAt: number; until: number; failures: number }

const minute = 60_000
const hour = 60 * minute
/** Of hosts that are asked; the least recently used ones beyond are asked anew. */
const maxHosts = 10_000
const maxBytes = 51_200
const maxRedirects = 5
const maxFetching = 200
const timeoutMs = 5000
const minLifetimeMs = hour
const usualLifetimeMs = 24 * hour
const maxLifetimeMs = 48 * hour
const maxPauseMs = hour

/** What hosts say at `/.well-known/matrix/server`. https://spec.matrix.org/v1.19/server-server-api/#getwell-knownmatrixserver */
export class WellKnownServers {
  readonly #ctx: Needs
  readonly #known = recentMap<string, Known>(maxHosts)
  readonly #fetching = new Map<string, Promise<Known>>()

  constructor(ctx: Needs) {
    this.#ctx = ctx
  }

  /** The server that a host delegates to, if it does. */
  async find(host: string): Promise<ServerAddress | undefined> {
    const known = this.#known.get(host)
    if (known && known.until > this.#ctx.clock.now()) return known.delegated
    return (await this.#fetchOnce(host)).delegated
  }

  /** The server was not found where its host said: it is asked again as soon as it may be. */
  doubt(host: string): void {
    const known = this.#known.peek(host)
    if (known?.delegated) known.until = Math.min(known.until, known.fetchedAt + minLifetimeMs)
  }

  #fetchOnce(host: string): Promise<Known> {
    const running = this.#fetching.get(host)
    if (running) return running
    // Whoever is beyond is looked for elsewhere, this time.
    if (this.#fetching.size >= maxFetching)
      return Promise.resolve({ delegated: undefined, fetchedAt: 0, until: 0, failures: 0 })
    const fetching = this.#fetch(host).finally(() => this.#fetching.delete(host))
    this.#fetching.set(host, fetching)
    return fetching
  }

  async #fetch(host: string): Promise<Known> {
    const { outgoing, clock, log } = this.#ctx
    const before = this.#known.get(host)
    const answer = await outgoing
      .fetch({ method: 'GET', to: `https://${host}/.well-known/matrix/server`, timeoutMs, maxBytes, maxRedirects })
      .catch((error: unknown) => {
        log.debug('no well-known document could be had', { host, error })
        return undefined
      })
    const now = clock.now()
    const delegated = answer?.status === 200 ? readDelegation(answer) : undefined
    const known = delegated ? kept(delegated, answer!, now) : failed(before, answer, now)
    this.#known.set(host, known)
    return known
  }
}

function kept(delegated: ServerAddress, { headers }: OutgoingAnswer, now: number): Known {
  const lifetime = cacheLifetime(headers, now) ?? usualLifetimeMs
  const until = now + Math.min(maxLifetimeMs, Math.max(minLifetimeMs, lifetime))
  return { delegated, fetchedAt: now, until, failures: 0 }
}

/** Asked again after a minute, and then ever less often. What was known holds on while the host only fails to answer. */
function failed(before: Known | undefined, answer: OutgoingAnswer | undefined, now: number): Known {
  const failures = (before?.failures ?? 0) + 1
  const until = now + Math.min(maxPauseMs, minute * 2 ** (failures - 1))
  const isTrouble = answer === undefined || answer.status >= 500 || answer.status === 429
  if (isTrouble && before?.delegated && before.fetchedAt + maxLifetimeMs > now)
    return { ...before, until: Math.min(until, before.fetchedAt + maxLifetimeMs), failures }
  return { delegated: undefined, fetchedAt: now, until, failures }
}

function readDelegation({ body }: OutgoingAnswer): ServerAddress | undefined {
  try {
    const value = parseStrictJson(body)
    const name = isObject(value) ? value['m.server'] : undefined
    return typeof name === 'string' ? parseServerAddress(name) : undefined
  } catch {
    return undefined
  }
}
