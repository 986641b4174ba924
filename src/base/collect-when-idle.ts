import { eventLoopUtilization } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { Clock } from './clock.ts'
import { collectGarbage } from './collect-garbage.ts'
import type { Log } from './log.ts'

/** A look is some microseconds of work. */
const looksEvery = 3000
/** A collection stops the process for a tenth of a second: it must run while no request waits, and be worth it. */
const idleUtilization = 0.03
const muchBytes = 64 * 1024 * 1024

/** What is looked at and done; tests give their own. */
export type Heap = {
  /** What V8 has taken from the system. */
  bytes(): number
  /** The part of the time since the last look in which the main thread had something to do. */
  utilization(): number
  collect(): Promise<void>
}

/**
 * Gives back, once the process has nothing to do, what a peak has left: V8 collects only when it needs more, and so
 * would hold on to it for as long as the server is idle. Must begin just after a collection. The answer ends it.
 */
export function collectWhenIdle({ clock, log }: { clock: Clock; log: Log }, heap: Heap = processHeap()): () => void {
  let kept = heap.bytes()
  let isCollecting = false
  const look = async () => {
    const utilization = heap.utilization()
    const before = heap.bytes()
    kept = Math.min(kept, before)
    if (isCollecting || utilization > idleUtilization || before - kept < muchBytes) return
    isCollecting = true
    try {
      await heap.collect()
    } finally {
      isCollecting = false
    }
    kept = heap.bytes()
    log.debug('memory given back', { bytes: before - kept })
  }
  return clock.every(looksEvery, () => {
    look().catch((error: unknown) => log.warn('memory was not given back', { error }))
  })
}

function processHeap(): Heap {
  let last = eventLoopUtilization()
  return {
    bytes: () => getHeapStatistics().total_heap_size,
    utilization() {
      const now = eventLoopUtilization()
      const { utilization } = eventLoopUtilization(now, last)
      last = now
      return utilization
    },
    collect: collectGarbage,
  }
}
