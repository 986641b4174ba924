import { Counter, Gauge, type Registry } from 'prom-client'

/** The library's own set of process metrics observes garbage collections and timers that cannot be stopped. */
export function measureProcess(registry: Registry): void {
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
