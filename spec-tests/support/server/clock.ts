import type { Clock } from '#base/clock.ts'

type Timer = { at: number; run: () => void }

/** A clock that stands still until a test moves it. */
export type FakeClock = Clock & {
  /** Moves time on: timers due on the way run in their order, and what they cause settles in between. */
  advance(ms: number): Promise<void>
  /** Resolves once this many timers wait: so a test knows that a request sleeps before it moves time. */
  waiting(count?: number): Promise<void>
}

export function fakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  let now = start
  const timers = new Set<Timer>()
  /** Those of standing work, which no test waits for. */
  const recurring = new Set<Timer>()
  const watchers = new Set<() => void>()
  const add = (ms: number, run: () => void) => {
    const timer = { at: now + ms, run }
    timers.add(timer)
    for (const look of watchers) look()
    return () => void timers.delete(timer)
  }
  const nextDue = (until: number) =>
    [...timers, ...recurring].filter(({ at }) => at <= until).sort((one, other) => one.at - other.at)[0]

  return {
    now: () => now,
    after: add,
    every: (ms, work) => {
      const timer: Timer = {
        at: now + ms,
        run: () => {
          timer.at += ms
          work()
        },
      }
      recurring.add(timer)
      return () => void recurring.delete(timer)
    },
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (ms <= 0 || signal?.aborted) return resolve()
        const cancel = add(ms, resolve)
        signal?.addEventListener('abort', () => {
          cancel()
          resolve()
        })
      }),
    async advance(ms) {
      const end = now + ms
      for (let due = nextDue(end); due; due = nextDue(end)) {
        now = Math.max(now, due.at)
        timers.delete(due)
        due.run()
        await turns()
      }
      now = end
      await turns()
    },
    waiting: (count = 1) =>
      new Promise((resolve) => {
        const look = () => {
          if (timers.size < count) return
          watchers.delete(look)
          resolve()
        }
        watchers.add(look)
        look()
      }),
  }
}

/** Lets promises and already arrived messages run. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}
