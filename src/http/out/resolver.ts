import { systemClock, type Clock } from '#base/clock.ts'
import { OutgoingError, type ServiceRecord } from '#base/outgoing.ts'
import { recentMap } from '#base/recent-map.ts'
import type { TimedAddress } from './hosts-file.ts'
import type { Network } from './network.ts'

type Found<T> = { records: readonly T[]; ttlMs: number }
type Known = { until: number } & ({ records: readonly unknown[] } | { problem: string })

const minute = 60_000
/** The least recently used names beyond are asked for anew. */
const maxNames = 10_000
/** Of one answer; more are ignored. */
const maxRecords = 32
/** Questions that wait for an answer. */
const maxRunning = 1000
const maxTtlMs = 60 * minute
const minTtlMs = 5000
/** For service records, of which no lifetime is told, and names without such. */
const usualTtlMs = 5 * minute
const problemTtlMs = 10_000
const patienceMs = 5000

/** DNS with a memory: every question is asked once at a time, answered within seconds, and its answer kept for a while. */
export class CachingResolver {
  readonly #network: Network
  readonly #clock: Clock
  readonly #known = recentMap<string, Known>(maxNames)
  readonly #running = new Map<string, Promise<Known>>()

  constructor(network: Network, clock: Clock) {
    this.#network = network
    this.#clock = clock
  }

  /** IPv6 first; rejects with an OutgoingError where there is none. */
  async addresses(name: string): Promise<readonly string[]> {
    const host = name.toLowerCase().replace(/\.$/, '')
    const found = await this.#find(`host ${host}`, () => this.#askForAddresses(host))
    if (found.length === 0) throw unresolved(`${name} has no address`)
    return found
  }

  services(name: string): Promise<readonly ServiceRecord[]> {
    const service = name.toLowerCase().replace(/\.$/, '')
    return this.#find(`service ${service}`, async () => {
      const records = await inTime(this.#network.resolveServices(service))
      return { records: records.slice(0, maxRecords), ttlMs: usualTtlMs }
    })
  }

  async #find<T>(key: string, ask: () => Promise<Found<T>>): Promise<readonly T[]> {
    const kept = this.#known.get(key)
    const known = kept && kept.until > this.#clock.now() ? kept : await this.#askOnce(key, ask)
    if ('problem' in known) throw unresolved(known.problem)
    return known.records as readonly T[]
  }

  #askOnce(key: string, ask: () => Promise<Found<unknown>>): Promise<Known> {
    const running = this.#running.get(key)
    if (running) return running
    if (this.#running.size >= maxRunning) throw unresolved('Too many names are being looked up')
    const asking = this.#ask(key, ask).finally(() => this.#running.delete(key))
    this.#running.set(key, asking)
    return asking
  }

  async #ask(key: string, ask: () => Promise<Found<unknown>>): Promise<Known> {
    const known = await ask().then(
      ({ records, ttlMs }): Known => ({ records, until: this.#clock.now() + ttlMs }),
      (error: unknown): Known => {
        if (isAbsence(error)) return { records: [], until: this.#clock.now() + usualTtlMs }
        return { problem: `DNS does not answer: ${codeOf(error)}`, until: this.#clock.now() + problemTtlMs }
      },
    )
    this.#known.set(key, known)
    return known
  }

  /** Both families at once; where one fails, the other will do. */
  async #askForAddresses(host: string): Promise<Found<string>> {
    const answers = await Promise.allSettled([
      inTime(this.#network.resolve6(host)),
      inTime(this.#network.resolve4(host)),
    ])
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    const failures = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []))
    const trouble = failures.find((error) => !isAbsence(error))
    if (found.length === 0 && trouble !== undefined) throw trouble
    const records = found.slice(0, maxRecords).map(({ address }) => address)
    // A family that could not be had is asked for soon again.
    // A server that is being set up, or moved, is looked for again soon.
    const ttlMs = found.length === 0 ? minTtlMs : trouble === undefined ? lifetimeOf(found) : problemTtlMs
    return { records, ttlMs }
  }
}

const lifetimeOf = (found: readonly TimedAddress[]): number =>
  Math.min(maxTtlMs, Math.max(minTtlMs, 1000 * Math.min(...found.map(({ ttl }) => ttl))))

const codeOf = (error: unknown): string => String((error as { code?: unknown }).code ?? error)
const isAbsence = (error: unknown): boolean => ['ENOTFOUND', 'ENODATA'].includes(codeOf(error))
const unresolved = (message: string) => new OutgoingError(message, { isUnsent: true })

/** Whatever servers and retries the machine is configured with. On real time, as all of the network. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = systemClock.after(patienceMs, () => reject(new Error('ETIMEOUT')))
    answer.then(resolve, reject).finally(giveUp)
  })
}
