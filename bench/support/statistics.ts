import { readdirSync, readFileSync } from 'node:fs'
import type { Figures } from './workload.ts'

/** Middle and tail of some durations in milliseconds. */
export function percentiles(durations: readonly number[], name: string): Figures {
  const sorted = durations.toSorted((a, b) => a - b)
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
  return { [`${name}_p50_ms`]: at(0.5), [`${name}_p99_ms`]: at(0.99) }
}

export const round = (value: number): number => Number(value.toFixed(value < 10 ? 2 : 1))

/** Peak resident memory and processor time so far of a process on this machine; nothing where it is not ours. */
export function processFigures(pid: number | undefined): Figures {
  if (pid === undefined) return {}
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
  return { resident_mb: round(kib('VmRSS') / 1024), peak_resident_mb: round(kib('VmHWM') / 1024) }
}

/** Seconds of processor time a process has used, all its threads together; 0 where it is not ours. */
export function processorSeconds(pid: number | undefined): number {
  if (pid === undefined) return 0
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  const ticksPerSecond = 100
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Milliseconds of processor time of a process, as the scheduler counts them: fine enough for single requests. */
export function processorMs(pid: number): number {
  let nanoseconds = 0
  for (const thread of readdirSync(`/proc/${pid}/task`))
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  return nanoseconds / 1e6
}

/** The same of its main thread alone, whose event loop all requests share. */
export const mainThreadMs = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6

/** Microseconds of processor time since the call, of a process and of its main thread, for each of so many events. */
export function processorFigures(pid: number | undefined): (count: number, item: string) => Figures {
  const now = () => (pid === undefined ? [0, 0] : [processorMs(pid), mainThreadMs(pid)])
  const [all = 0, main = 0] = now()
  return (count, item) => {
    const [allNow = 0, mainNow = 0] = now()
    return {
      [`processor_us_per_${item}`]: round(((allNow - all) * 1000) / count),
      [`main_thread_us_per_${item}`]: round(((mainNow - main) * 1000) / count),
    }
  }
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** Runs work by several workers at once; each takes the next item as it gets free. */
export async function inParallel<T>(
  items: readonly T[],
  workers: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++
      await work(items[index] as T, index)
    }
  }
  await Promise.all(Array.from({ length: workers }, worker))
}
