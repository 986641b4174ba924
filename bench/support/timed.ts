import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { round } from './statistics.ts'
import type { Figures } from './workload.ts'

/** Time and processor time of some work in this process, and how late it made the event loop. */
export async function timed(name: string, work: () => Promise<void>): Promise<Figures> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await nextTurn()
  const [start, used] = [performance.now(), process.cpuUsage()]
  await work()
  const ms = performance.now() - start
  const { user, system } = process.cpuUsage(used)
  await nextTurn()
  delay.disable()
  return {
    [`${name}_ms`]: round(ms),
    [`${name}_processor_ms`]: round((user + system) / 1e3),
    [`${name}_loop_delay_max_ms`]: round(delay.max / 1e6),
  }
}
