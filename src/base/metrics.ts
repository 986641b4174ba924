import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** What one server counts about itself; each server has its own registry, so that several live in one process. */
export type Metrics = {
  /** One answered request; the path is the endpoint's template, never what the client sent. */
  requestDone(request: { method: string; path: string; status: number; ms: number }): void
  /** One transaction of the event writer. */
  batchWritten(batch: { events: number; ms: number }): void
  /** One assembled sync answer, without the time it waited for news. */
  syncDone(sync: { kind: 'initial' | 'incremental' | 'sliding'; ms: number }): void
  /** Says how many long polls wait; asked whenever the metrics are read. */
  countWaiting(count: () => number): void
  /** The text that Prometheus scrapes, and its media type. */
  render(): Promise<{ contentType: string; text: string }>
  /** Stops the measurements that hold timers. */
  close(): void
}

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
  const stopLoopDelay = measureLoopDelay(registry)

  return {
    requestDone: ({ method, path, status, ms }) =>
      requests.observe({ method, path, status: String(status) }, ms / 1000),
    batchWritten({ events, ms }) {
      batches.observe(ms / 1000)
      sizes.observe(events)
    },
    syncDone: ({ kind, ms }) => syncs.observe({ kind }, ms / 1000),
    countWaiting: (count) => (waiting = count),
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
    close() {
      stopLoopDelay()
      registry.clear()
    },
  }
}

/** Quantiles of the event-loop delay since the metrics were last read; the answer stops the measurement. */
function measureLoopDelay(registry: Registry): () => void {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  new Gauge({
    name: 'myelin_event_loop_delay_seconds',
    help: 'Delay of the event loop since the last scrape',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      for (const quantile of [0.5, 0.9, 0.99, 1]) {
        this.set({ quantile: String(quantile) }, delay.percentile(quantile * 100) / 1e9)
      }
      delay.reset()
    },
  })
  return () => void delay.disable()
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
