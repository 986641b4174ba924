import type { CacheBudget } from './cache.ts'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** What one server counts about itself; each server has its own registry, so that several live in one process. */
export type Metrics = {
  /** One answered request; the path is the endpoint's template, never what the client sent. */
  requestDone(request: { method: string; path: string; status: number; ms: number }): void
  /** One transaction of the event writer. */
  batchWritten(batch: { events: number; ms: number }): void
  /** One making of a sync answer, without the time it waited for news. */
  syncDone(sync: { kind: 'initial' | 'incremental' | 'sliding'; ms: number }): void
  /** Says how many long polls wait; asked whenever the metrics are read. */
  countWaiting(count: () => number): void
  /** Shows what the caches of a server hold; asked whenever the metrics are read. */
  countCaches(caches: Pick<CacheBudget, 'limit' | 'figures'>): void
  /** The text that Prometheus scrapes, and its media type. */
  render(): Promise<{ contentType: string; text: string }>
  /** Stops the measurements that hold timers. */
  close(): void
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const SAMPLE_EVERY_MS = 20

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
  let waiting = () => 0
  new Gauge({
    name: 'myelin_waiting_long_polls',
    help: 'Sync requests that wait for news',
    registers,
    collect() {
      this.set(waiting())
    },
  })
  measureProcess(registry)
  const stopSampling = sampleLoopDelay(
    histogram('myelin_event_loop_delay_seconds', 'How late a timer is that is due every 20 ms'),
  )

  return {
    requestDone: ({ method, path, status, ms }) =>
      requests.observe({ method, path, status: String(status) }, ms / 1000),
    batchWritten({ events, ms }) {
      batches.observe(ms / 1000)
      sizes.observe(events)
    },
    syncDone: ({ kind, ms }) => syncs.observe({ kind }, ms / 1000),
    countWaiting: (count) => (waiting = count),
    countCaches: (caches) => measureCaches(registry, caches),
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
    close() {
      stopSampling()
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

/** Samples of a timer's lateness: what any work that became due then had to wait. The answer ends the sampling. */
function sampleLoopDelay(delays: Histogram): () => void {
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    delays.observe(Math.max(0, now - last - SAMPLE_EVERY_MS) / 1000)
    last = now
  }, SAMPLE_EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** The library's own set of process metrics observes garbage collections and timers that cannot be stopped. */
function measureProcess(registry: Registry): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  gauge('process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss())
  gauge('nodejs_heap_size_used_bytes', 'Used JavaScript heap', () => process.memoryUsage().heapUsed)
  gauge(
    'process_start_time_seconds',
    'Start of the process since the epoch',
    () => Date.now() / 1000 - process.uptime(),
  )
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system time spent by the process',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
}
