import type { Clock } from '#base/clock.ts'
import { recentMap } from '#base/recent-map.ts'
import type { ServerName } from '#protocol/ids.ts'
import type { Backoff } from '#store/federation/destinations.ts'

/** A server that was away for seconds gets what waits for it within seconds; one that is gone costs a request an hour. */
const firstIntervalMs = 500
const longestIntervalMs = 3_600_000
/** Ordinary requests go on while the pauses are shorter: a single failure must not fail what follows. */
const ordinaryIntervalMs = 8000
/** A server that asks us, but cannot be asked, is tried as often as this. */
const signOfLifeEveryMs = 1000
/** Of the errors of other servers, so many characters are shown to administrators. */
const maxErrorLength = 500
/** The least recently tried servers beyond are forgotten, and may be asked again at once. */
const maxFailing = 20_000

/** It did not answer; it may be asked, or sooner than before; or it has asked us, which leaves its pause as it was. */
type News = 'failed' | 'due' | 'alive'
type Watcher = (server: ServerName, news: News) => void

/**
 * Which servers do not answer, and when they are tried again: in memory, for every request to another server, as the
 * table `destinations` has it of those that something is sent to. Pauses double from half a second to an hour; any sign
 * of life of the server ends one.
 */
export class Destinations {
  readonly #clock: Pick<Clock, 'now'>
  readonly #failing = recentMap<ServerName, Backoff>(maxFailing)
  readonly #watchers = new Set<Watcher>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** Undefined while the server answers, as far as is known. */
  find(server: ServerName): Backoff | undefined {
    return this.#failing.get(server)
  }

  /** Whether nothing is sent to the server now. */
  isBackedOff(server: ServerName): boolean {
    const backoff = this.#failing.get(server)
    return backoff !== undefined && this.#clock.now() < backoff.retryAt
  }

  /** The same for requests that nobody waits for: after a few failures only. */
  isRefused(server: ServerName): boolean {
    const backoff = this.#failing.get(server)
    return backoff !== undefined && backoff.interval >= ordinaryIntervalMs && this.#clock.now() < backoff.retryAt
  }

  /** The server did not answer, or could not. */
  failed(server: ServerName, error: string): void {
    const now = this.#clock.now()
    const known = this.#failing.get(server)
    // Requests side by side fail together: what fails within the pause is no news.
    const isNews = !known || now >= known.retryAt
    const interval = !known
      ? firstIntervalMs
      : isNews
        ? Math.min(longestIntervalMs, known.interval * 2)
        : known.interval
    const retryAt = isNews ? now + interval : known.retryAt
    const failingSince = known?.failingSince ?? now
    const message = error.slice(0, maxErrorLength)
    this.#failing.set(server, { failingSince, triedAt: now, retryAt, interval, error: message })
    this.#tell(server, 'failed')
  }

  /** The server answered. */
  succeeded(server: ServerName): void {
    if (this.#failing.delete(server)) this.#tell(server, 'due')
  }

  /** The server has asked us: a pause ends. */
  heardFrom(server: ServerName): void {
    const backoff = this.#failing.get(server)
    if (!backoff) return
    const retryAt = Math.max(this.#clock.now(), backoff.triedAt + signOfLifeEveryMs)
    const isSooner = retryAt < backoff.retryAt
    if (isSooner) this.#failing.set(server, { ...backoff, retryAt })
    this.#tell(server, isSooner ? 'due' : 'alive')
  }

  /** An administrator ends the pause, and lets the next ones begin anew; false where there is none. */
  reset(server: ServerName): boolean {
    const isFailing = this.#failing.delete(server)
    if (isFailing) this.#tell(server, 'due')
    return isFailing
  }

  /** Takes over what was stored, where nothing newer is known. */
  load(stored: Iterable<readonly [ServerName, Backoff]>): void {
    for (const [server, backoff] of stored) if (!this.#failing.has(server)) this.#failing.set(server, backoff)
  }

  /** Calls the watcher with each failing server of which there is news; the answer ends it. */
  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  #tell(server: ServerName, news: News): void {
    for (const watcher of this.#watchers) watcher(server, news)
  }
}
