import { parentPort } from 'node:worker_threads'

/** Messages of a pool to its thread. */
export type ToThread =
  | { kind: 'job'; id: number; job: unknown }
  | { kind: 'answer'; question: number; answer: unknown }
  | { kind: 'refusal'; question: number; reason: string }

/** Messages of a thread to its pool. */
export type FromThread =
  | { kind: 'question'; id: number; question: number; asked: unknown }
  | { kind: 'result'; id: number; result: unknown }
  | { kind: 'failure'; id: number; reason: string }

/** Asks the caller of the job, on the main thread. */
export type Ask = (question: unknown) => Promise<unknown>

type Waiting = { resolve(answer: unknown): void; reject(error: Error): void }

/** Makes this thread work on jobs of a `ThreadPool`; several may run concurrently. */
export function serveJobs(work: (job: unknown, ask: Ask) => Promise<unknown>): void {
  const waiting = new Map<number, Waiting>()
  let questions = 0
  const post = (message: FromThread) => parentPort?.postMessage(message)
  const start = async (id: number, job: unknown) => {
    const ask: Ask = (asked) => {
      const question = ++questions
      post({ kind: 'question', id, question, asked })
      return new Promise((resolve, reject) => waiting.set(question, { resolve, reject }))
    }
    try {
      post({ kind: 'result', id, result: await work(job, ask) })
    } catch (error) {
      post({ kind: 'failure', id, reason: error instanceof Error ? error.message : String(error) })
    }
  }
  parentPort?.on('message', (message: ToThread) => {
    if (message.kind === 'job') return void start(message.id, message.job)
    const asker = waiting.get(message.question)
    waiting.delete(message.question)
    if (message.kind === 'answer') asker?.resolve(message.answer)
    else asker?.reject(new Error(message.reason))
  })
}
