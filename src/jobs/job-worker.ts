import { MatrixError } from '#base/errors.ts'
import { jobsChanged } from '#bus/topics.ts'
import type { Context, Transaction } from '#context.ts'
import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import type { Job, JobEnd, JobHold } from '#store/jobs/jobs.ts'
import { Alarm } from './alarm.ts'
import { backoffMs } from './backoff.ts'
import type { Worker } from './worker.ts'

/** How long a process may fail to renew its lease before another takes over, in ms. */
export const jobLeaseMs = 30_000

/** A run of a job. Work must be idempotent: only `saveProgress` is stored. */
export type JobRun = {
  id: string
  key: string
  payload: JsonObject
  /** What `saveProgress` stored last, in this or an earlier run. */
  progress: JsonValue | undefined
  /** Aborts when the server stops, the job is cancelled or another process has taken over. */
  signal: AbortSignal
  /** Throws when another process has taken over. */
  saveProgress(progress: JsonValue): Promise<void>
  /** Within a transaction: throws when another process has taken over, so that only who holds the job writes. */
  hold(tx: Transaction): Promise<void>
}

export type JobKind = {
  kind: string
  /** Answers the job's result. A failure is retried, with growing pauses. */
  run(job: JobRun): Promise<JsonValue | undefined>
  /** After so many failures in a row the job has failed; without it, never. */
  maxAttempts?: number
  /** Whether a failure is none of ours, and in the nature of the work: it is logged as such. */
  isUsual?(error: unknown): boolean
}

type Needs = Pick<Context, 'store' | 'bus' | 'clock' | 'log' | 'processId'>

/** The poll interval in ms while jobs are open: clocks jump, and bus messages get lost. */
const lookEveryMs = 300_000

/** Runs the jobs of some kinds, so many at once, until it is stopped; unfinished ones resume at the next start. */
export function startJobWorker(ctx: Needs, kinds: readonly JobKind[], { atOnce = 4 } = {}): Worker {
  return new JobWorker(ctx, kinds, atOnce)
}

type Run = {
  hold: JobHold
  controller: AbortController
  isCancelled: boolean
  isLost: boolean
  /** Its end has been written, or is being written: a renewal that crosses that finds no run, which is no loss. */
  isEnding: boolean
}

class JobWorker implements Worker {
  readonly #ctx: Needs
  readonly #kinds: ReadonlyMap<string, JobKind>
  readonly #atOnce: number
  readonly #alarm: Alarm
  readonly #end: () => void
  readonly #runs = new Map<Run, Promise<void>>()
  #filling: Promise<void> | undefined
  #isAskedAgain = false
  #isStopping = false
  /** Ends after the leases of other processes have ended. */
  readonly #pause: Alarm
  #failures = 0

  constructor(ctx: Needs, kinds: readonly JobKind[], atOnce: number) {
    this.#ctx = ctx
    this.#kinds = new Map(kinds.map((kind) => [kind.kind, kind]))
    this.#atOnce = atOnce
    this.#alarm = new Alarm(ctx.clock)
    this.#pause = new Alarm(ctx.clock)
    this.#end = ctx.bus.subscribe(jobsChanged, ({ kind }) => {
      if (!this.#kinds.has(kind)) return
      // It may have been cancelled.
      for (const run of this.#runs.keys()) void this.#renew(run)
      this.#wake()
    })
    this.#wake()
  }

  async settle(): Promise<void> {
    while (this.#filling || this.#runs.size > 0) await Promise.all([this.#filling, ...this.#runs.values()])
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#end()
    for (const alarm of [this.#alarm, this.#pause]) alarm.clear()
    for (const { controller } of this.#runs.keys()) controller.abort()
    await this.settle()
  }

  #wake(): void {
    this.#isAskedAgain = true
    if (this.#isStopping) return
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined
      // Between the last look and here it may have been asked again.
      if (this.#isAskedAgain) this.#wake()
    })
  }

  /** Starts due jobs, and sets the alarm for the next one. */
  async #fill(): Promise<void> {
    try {
      while (this.#isAskedAgain && !this.#isStopping) {
        this.#isAskedAgain = false
        while (await this.#begin());
        if (await this.#sleep()) continue
        while (await this.#begin('waits for rows'));
        this.#isAskedAgain = true
      }
      this.#failures = 0
    } catch (error) {
      this.#ctx.log.error('jobs could not be looked for', { error })
      if (!this.#isStopping) this.#alarm.set(backoffMs(++this.#failures), () => this.#wake())
    }
  }

  get #mayBegin(): boolean {
    return !this.#isStopping && !this.#pause.isSet && this.#runs.size < this.#atOnce
  }

  async #begin(locked: 'passes over' | 'waits for rows' = 'passes over'): Promise<boolean> {
    if (!this.#mayBegin) return false
    const { store, clock, processId: owner } = this.#ctx
    const [now, kinds, waits] = [clock.now(), [...this.#kinds.keys()], locked === 'waits for rows']
    const job = await store.jobs.jobs.claim({ kinds, owner, now, until: now + jobLeaseMs, waits })
    if (!job) return false
    const [controller, isCancelled, isLost, isEnding] = [new AbortController(), false, false, false]
    const run: Run = { hold: job, controller, isCancelled, isLost, isEnding }
    const done = this.#execute(job, run).finally(() => {
      this.#runs.delete(run)
      this.#wake()
    })
    this.#runs.set(run, done)
    if (this.#isStopping) run.controller.abort()
    return true
  }

  /**
   * Sets the alarm for what is due next; with all hands busy the end of a run looks again. False when something is due
   * now: the claim has passed over its row, which another statement holds, or it has just been added.
   */
  async #sleep(): Promise<boolean> {
    if (!this.#mayBegin) return true
    const due = await this.#ctx.store.jobs.jobs.nextDue([...this.#kinds.keys()])
    if (!this.#mayBegin) return true
    const ms = due === undefined ? undefined : due - this.#ctx.clock.now()
    if (ms === undefined) this.#alarm.clear()
    else this.#alarm.set(Math.min(lookEveryMs, ms), () => this.#wake())
    return ms === undefined || ms > 0
  }

  async #execute(job: Job & JobHold, run: Run): Promise<void> {
    const beat = this.#ctx.clock.every(jobLeaseMs / 3, () => void this.#renew(run))
    const end = await this.#attempt(job, run).finally(beat)
    if (!end) return
    run.isEnding = true
    await this.#ctx.store.jobs.jobs
      .end(run.hold, end)
      .catch((error: unknown) => this.#ctx.log.error('the end of a job was not written down', { job: job.id, error }))
  }

  /** Runs the job; answers how it ended, undefined when another process has taken it over. */
  async #attempt(job: Job & JobHold, run: Run): Promise<JobEnd | undefined> {
    const { clock, log } = this.#ctx
    const kind = this.#kinds.get(job.kind)
    try {
      const result = await kind?.run(this.#jobRun(job, run))
      return { state: 'done', result, now: clock.now() }
    } catch (error) {
      if (run.isLost) return undefined
      const now = clock.now()
      const name = nameOf(error)
      if (run.isCancelled) return { state: 'cancelled', error: name, now }
      if (this.#isStopping) return { state: 'waiting', error: name, runAt: now }
      const isLast = job.attempts >= (kind?.maxAttempts ?? Infinity)
      const failure = { job: job.id, kind: job.kind, attempts: job.attempts, is_last: isLast, error }
      if (kind?.isUsual?.(error) && !isLast) log.info('a job failed, as it may', failure)
      else log.error('a job failed', failure)
      if (isLast) return { state: 'failed', error: name, now }
      return { state: 'waiting', error: name, runAt: now + backoffMs(job.attempts) }
    }
  }

  #jobRun({ id, key, payload, progress }: Job, run: Run): JobRun {
    return {
      id,
      key,
      payload,
      progress,
      signal: run.controller.signal,
      saveProgress: async (reached) => {
        if (await this.#ctx.store.jobs.jobs.saveProgress(run.hold, reached)) return
        throw this.#taken(run)
      },
      hold: async (tx) => {
        const until = this.#ctx.clock.now() + jobLeaseMs
        if ((await tx.jobs.jobs.renew(run.hold, until)) === 'lost') throw this.#taken(run)
      },
    }
  }

  #taken(run: Run): Error {
    this.#lose(run)
    return new Error('Another process has taken the job over')
  }

  /** A renewal that fails because the database is unreachable is ignored: the next write shows whether the lease is lost. */
  async #renew(run: Run): Promise<void> {
    const until = this.#ctx.clock.now() + jobLeaseMs
    const outcome = await this.#ctx.store.jobs.jobs.renew(run.hold, until).catch(() => 'held')
    if (outcome === 'lost' && !run.isEnding) this.#lose(run)
    if (outcome !== 'cancelled') return
    run.isCancelled = true
    run.controller.abort()
  }

  /** Two processes whose clocks differ by more than a lease would keep taking a job from each other. */
  #lose(run: Run): void {
    run.isLost = true
    run.controller.abort()
    if (!this.#isStopping) this.#pause.set(jobLeaseMs, () => this.#wake())
  }
}

/** The stored description of an error for administrators, without user content. */
const nameOf = (error: unknown): string => {
  if (error instanceof MatrixError) return error.errcode
  return error instanceof Error ? error.name : 'Error'
}
