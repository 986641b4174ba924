import type { CacheBudget } from './cache.ts'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { LoopDelay } from './loop-delay.ts'
import { measureProcess } from './process-metrics.ts'

/** The metrics of one server; each has its own registry, so that several can run in one process. */
export type Metrics = {
  /** A request has begun: the event loop's delay is sampled from then on. */
  requestBegun(): void
  /** One answered request; the path is the endpoint's template, not the URL of the client. */
  requestDone(request: { method: string; path: string; status: number; ms: number }): void
  /** One transaction of the event writer. */
  batchWritten(batch: { events: number; ms: number }): void
  /** One computation of a sync response, without the time it waited. */
  syncDone(sync: { kind: 'initial' | 'incremental' | 'sliding'; ms: number }): void
  /** Sets how to read the number of waiting long polls. */
  countWaiting(count: () => number): void
  /** Set how to read the number of open connections, and the bytes held for them. */
  countConnections(count: () => number): void
  countBytes(counts: { arriving: () => number; unsent: () => number }): void
  /** Sets how to read the number of requests to other machines. */
  countOutgoing(counts: { running: () => number; waiting: () => number }): void
  /** A connection was refused or ended, because of one of the limits of that name. */
  connectionCut(limit: 'connections' | 'unsent'): void
  /** Sets how to read the number of lost log lines. */
  countLostLogLines(count: () => number): void
  /** Sets how to read the lag of a stream follower. The answer removes it. */
  watchLag(follower: string, read: () => Promise<Lag>): () => void
  /** Sets the caches whose sizes are shown. */
  countCaches(caches: Pick<CacheBudget, 'limit' | 'figures'>): void
  /** The text that Prometheus scrapes, and its media type. */
  render(): Promise<{ contentType: string; text: string }>
  /** Stops the measurements that hold timers. */
  close(): void
}

/** In positions of its streams, and in the time since it was behind. */
export type Lag = { positions: number; seconds: number }

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Metrics with their own registry. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Histogram<L> =>
    new Histogram({ name, help, labelNames, buckets: SECONDS, registers })
  const requests = histogram('myelin_request_duration_seconds', 'Time to answer a request', [
    'method',
    'path',
    'status',
  ])
  const batches = histogram('myelin_event_batch_duration_seconds', 'Time of one transaction of the event writer')
  const syncs = histogram('myelin_sync_duration_seconds', 'Time to assemble a sync answer', ['kind'])
  const sizes = new Histogram({
    name: 'myelin_event_batch_events',
    help: 'Events in one transaction of the event writer',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200],
    registers,
  })
  const held = heldForClients(registers)
  const watchLag = measureLags(registry)
  measureProcess(registry)
  const delays = histogram('myelin_event_loop_delay_seconds', 'How late a timer of 20 ms is, while requests come')
  const loopDelay = new LoopDelay((seconds) => delays.observe(seconds))

  return {
    requestDone: ({ method, path, status, ms }) =>
      requests.observe({ method, path, status: String(status) }, ms / 1000),
    batchWritten({ events, ms }) {
      batches.observe(ms / 1000)
      sizes.observe(events)
    },
    syncDone: ({ kind, ms }) => syncs.observe({ kind }, ms / 1000),
    requestBegun: () => loopDelay.noteRequest(),
    ...held,
    watchLag,
    countCaches: (caches) => measureCaches(registry, caches),
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
    close() {
      loopDelay.close()
      registry.clear()
    },
  }
}

function measureCaches(registry: Registry, caches: Pick<CacheBudget, 'limit' | 'figures'>): void {
  const registers = [registry]
  const names = { labelNames: ['cache'] as const, registers }
  new Gauge({
    name: 'myelin_cache_bytes',
    help: 'Estimated memory of a cache',
    ...names,
    collect() {
      for (const { name, bytes } of caches.figures()) this.set({ cache: name }, bytes)
    },
  })
  new Gauge({
    name: 'myelin_cache_entries',
    help: 'Entries of a cache',
    ...names,
    collect() {
      for (const { name, entries } of caches.figures()) this.set({ cache: name }, entries)
    },
  })
  new Counter({
    name: 'myelin_cache_evictions_total',
    help: 'Entries that a cache gave up for lack of memory',
    ...names,
    collect() {
      this.reset()
      for (const { name, evictions } of caches.figures()) this.inc({ cache: name }, evictions)
    },
  })
  new Gauge({
    name: 'myelin_cache_budget_bytes',
    help: 'Memory that all caches together may take',
    registers,
    collect() {
      this.set(caches.limit)
    },
  })
}

/** Two gauges for each registered follower. */
function measureLags(registry: Registry): Metrics['watchLag'] {
  const watched = new Map<string, () => Promise<Lag>>()
  const gauge = (name: string, help: string, part: keyof Lag) =>
    new Gauge({
      name,
      help,
      labelNames: ['follower'],
      registers: [registry],
      async collect() {
        this.reset()
        for (const [follower, read] of watched) this.set({ follower }, (await read())[part])
      },
    })
  gauge('myelin_follower_lag_positions', 'Positions of its streams that a follower has yet to handle', 'positions')
  gauge('myelin_follower_lag_seconds', 'How long a follower has not caught up with its streams', 'seconds')
  return (follower, read) => {
    watched.set(follower, read)
    return () => void watched.delete(follower)
  }
}

/** Memory held for clients and the log. */
function heldForClients(registers: Registry[]) {
  const watched = (name: string, help: string) => {
    let count = () => 0
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(count())
      },
    })
    return (next: () => number): void => void (count = next)
  }
  const arriving = watched('myelin_arriving_body_bytes', 'Memory of bodies that have not arrived whole')
  const unsent = watched('myelin_unsent_answer_bytes', 'Answers that clients have not taken')
  const outgoing = watched('myelin_outgoing_requests', 'Requests to other machines that run')
  const outgoingWaiting = watched(
    'myelin_outgoing_requests_waiting',
    'Requests to other machines that wait for their turn',
  )
  const cuts = new Counter({
    name: 'myelin_connections_cut_total',
    help: 'Connections refused or ended because of a limit',
    labelNames: ['limit'],
    registers,
  })
  let lost = () => 0
  new Counter({
    name: 'myelin_log_lines_lost_total',
    help: 'Log lines that could not be written',
    registers,
    collect() {
      this.reset()
      this.inc(lost())
    },
  })
  return {
    countWaiting: watched('myelin_waiting_long_polls', 'Sync requests that wait for news'),
    countOutgoing: (counts: { running: () => number; waiting: () => number }): void => {
      outgoing(counts.running)
      outgoingWaiting(counts.waiting)
    },
    countConnections: watched('myelin_connections', 'Open connections'),
    countBytes: (counts: { arriving: () => number; unsent: () => number }): void => {
      arriving(counts.arriving)
      unsent(counts.unsent)
    },
    connectionCut: (limit: 'connections' | 'unsent'): void => cuts.inc({ limit }),
    countLostLogLines: (count: () => number): void => void (lost = count),
  }
}
