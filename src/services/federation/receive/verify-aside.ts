import { verify, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { isMainThread } from 'node:worker_threads'
import { inSlices } from '#base/in-slices.ts'
import type { ClaimedSignature, VerifyAside } from './checked-event.ts'

/** Many claimed signatures: the texts one after another, and where each ends; the signatures; and the key of each. */
export type VerifyJob = {
  texts: Uint8Array
  ends: readonly number[]
  signatures: Uint8Array
  keys: readonly KeyObject[]
  keyOf: readonly number[]
}

/** Beside the event loop, by Node's own threads, unless this is itself a thread that has nothing else to do. */
export const verifyInPool: VerifyAside = async ({ text, publicKey, signature }) =>
  isMainThread ? verifyByCallback(null, text, publicKey, signature) : verify(null, text, publicKey, signature)

const verifyByCallback = promisify(verify)

const signatureBytes = 64
/** Verified in some milliseconds; several threads share what is more. */
const batchSize = 50
/** A server that receives little needs no thread of its own for it, and starting one for a few signatures takes longer. */
const verifiedBeforeThread = 200
const fewSignatures = 4

type Waiting = ClaimedSignature & { resolve(isTrue: boolean): void; reject(error: unknown): void }

/**
 * Gathers the signatures that are claimed in one turn of the event loop and lets a thread verify them in batches: waking one
 * for each costs the event loop more than all else that is done for an event. None overtakes another, since events mostly
 * follow those that came before them.
 */
export function verifyInBatches(run: (job: VerifyJob) => Promise<readonly boolean[]>): VerifyAside {
  let waiting: Waiting[] = []
  let last: Promise<void> = Promise.resolve()
  const mayUseThread = readiness(run)
  const verifyBatch = (batch: readonly Waiting[]) => {
    const isApart = mayUseThread(batch.length) && batch.length >= fewSignatures
    const inPool = () => Promise.all(batch.map(verifyInPool))
    // Whatever becomes of the thread, the events must not be lost.
    const results = isApart ? run(jobOf(batch)).catch(inPool) : inPool()
    last = inOrder(last, results).then(
      (verdicts) => batch.forEach(({ resolve }, index) => resolve(verdicts[index] ?? false)),
      (error: unknown) => batch.forEach(({ reject }) => reject(error)),
    )
  }
  const flush = () => {
    const gathered = waiting
    waiting = []
    for (const batch of inSlices(gathered, batchSize)) verifyBatch(batch)
  }
  return async (claimed) => {
    if (claimed.signature.length !== signatureBytes) return false
    return new Promise((resolve, reject) => {
      if (waiting.push({ ...claimed, resolve, reject }) === 1) setImmediate(flush)
    })
  }
}

async function inOrder<T>(earlier: Promise<void>, results: Promise<T>): Promise<T> {
  const [settled] = await Promise.allSettled([results, earlier])
  if (settled.status === 'rejected') throw settled.reason
  return settled.value
}

/** Counts signatures; true once they are many, and the thread that was started for them is there. */
function readiness(run: (job: VerifyJob) => Promise<unknown>): (count: number) => boolean {
  let verified = 0
  let state: 'unused' | 'starting' | 'ready' = 'unused'
  return (count) => {
    verified += count
    if (state === 'unused' && verified > verifiedBeforeThread) {
      state = 'starting'
      run(jobOf([])).then(
        () => (state = 'ready'),
        () => (state = 'unused'),
      )
    }
    return state === 'ready'
  }
}

function jobOf(batch: readonly ClaimedSignature[]): VerifyJob {
  const keys = [...new Set(batch.map(({ publicKey }) => publicKey))]
  const places = new Map(keys.map((key, place) => [key, place]))
  let end = 0
  return {
    texts: Buffer.concat(batch.map(({ text }) => text)),
    ends: batch.map(({ text }) => (end += text.length)),
    signatures: Buffer.concat(batch.map(({ signature }) => signature)),
    keys,
    keyOf: batch.map(({ publicKey }) => places.get(publicKey)!),
  }
}

/** In the thread. */
export function verifyAll({ texts, ends, signatures, keys, keyOf }: VerifyJob): boolean[] {
  return ends.map((end, index) => {
    const text = texts.subarray(ends[index - 1] ?? 0, end)
    const signature = signatures.subarray(index * signatureBytes, (index + 1) * signatureBytes)
    return verify(null, text, keys[keyOf[index]!]!, signature)
  })
}
