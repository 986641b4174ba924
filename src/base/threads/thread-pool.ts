import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Ask, FromThread, ToThread } from './thread.ts'

type Job = { answer: Ask; resolve(result: unknown): void; reject(error: Error): void }
type Thread = { worker: Worker; jobs: Map<number, Job> }

/** Megabytes; jobs are small. */
const resourceLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 128 }

/**
 * Threads for work that would block the event loop, each running a script that calls `serveJobs`. They start with the
 * first work, and do not keep an idle process alive.
 */
export class ThreadPool {
  readonly #script: URL
  readonly #threads = new Set<Thread>()
  /** The most threads: one processor is left to the event loop. */
  readonly size: number
  #nextId = 1
  #isClosed = false

  constructor(script: URL, size = Math.max(1, availableParallelism() - 1)) {
    this.#script = script
    this.size = size
  }

  /** Runs a job on the least busy thread; `answer` answers questions of the thread. Rejects when the pool closes. */
  run(job: unknown, answer: Ask): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new Error('The threads have ended'))
    const thread = this.#leastBusy()
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      if (thread.jobs.size === 0) thread.worker.ref()
      thread.jobs.set(id, { answer, resolve, reject })
      post(thread, { kind: 'job', id, job })
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#threads].map(({ worker }) => worker.terminate()))
  }

  #leastBusy(): Thread {
    const [first] = [...this.#threads].sort((one, other) => one.jobs.size - other.jobs.size)
    return first && (first.jobs.size === 0 || this.#threads.size >= this.size) ? first : this.#start()
  }

  #start(): Thread {
    const thread: Thread = { worker: new Worker(this.#script, { resourceLimits }), jobs: new Map() }
    const { worker, jobs } = thread
    const end = (error: Error) => {
      this.#threads.delete(thread)
      for (const { reject } of jobs.values()) reject(error)
      jobs.clear()
    }
    worker.on('message', (message: FromThread) => this.#hear(thread, message))
    worker.on('error', (error: Error) => end(error))
    worker.on('exit', () => end(new Error('The thread has ended')))
    worker.unref()
    this.#threads.add(thread)
    return thread
  }

  #hear(thread: Thread, message: FromThread): void {
    const job = thread.jobs.get(message.id)
    if (!job) return
    if (message.kind === 'question') return answerTo(thread, job, message)
    thread.jobs.delete(message.id)
    if (thread.jobs.size === 0) thread.worker.unref()
    if (message.kind === 'result') job.resolve(message.result)
    else job.reject(new Error(message.reason))
  }
}

const post = ({ worker }: Thread, message: ToThread): void => worker.postMessage(message)

function answerTo(thread: Thread, job: Job, { question, asked }: FromThread & { kind: 'question' }): void {
  job.answer(asked).then(
    (answer) => post(thread, { kind: 'answer', question, answer }),
    (error: unknown) => post(thread, { kind: 'refusal', question, reason: String(error) }),
  )
}
