import { sign, type KeyObject } from 'node:crypto'
import { ThreadPool } from '#base/threads/thread-pool.ts'
import type { SigningKey } from '#protocol/events/signing-key.ts'
import { encodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'

/** Texts one after another, and where each ends. */
export type SigningJob = { bytes: Uint8Array; ends: readonly number[]; privateKey: KeyObject }

/** Of an ed25519 signature in unpadded base64. */
const signatureLength = 86
/** A server that sends little needs no thread. */
const signedBeforeThread = 200

type Waiting = { text: Buffer; resolve(signature: string): void }

/**
 * Signs events on a thread of its own: a signature takes as long as all else that building an event needs. Not in the
 * threads of Node's own pool, where signatures would wait behind the hashes of passwords.
 */
export class EventSigner {
  readonly #privateKey: KeyObject
  readonly #threads = new ThreadPool(new URL('./sign-thread.ts', import.meta.url), 1)
  /** Of this turn of the event loop, sent in one message. */
  #waiting: Waiting[] = []
  #signed = 0

  constructor({ privateKey }: SigningKey) {
    this.#privateKey = privateKey
  }

  /** The signature over a text in unpadded base64. */
  sign(text: Buffer): Promise<string> {
    return new Promise((resolve) => {
      if (this.#waiting.push({ text, resolve }) === 1) setImmediate(() => this.#signWaiting())
    })
  }

  close(): Promise<void> {
    return this.#threads.close()
  }

  #signWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.#signed += waiting.length
    // Waking a thread for a single text costs what it saves.
    if (waiting.length > 1 && this.#signed > signedBeforeThread) this.#signApart(waiting)
    else this.#signHere(waiting)
  }

  #signApart(waiting: readonly Waiting[]): void {
    let end = 0
    const job: SigningJob = {
      bytes: Buffer.concat(waiting.map(({ text }) => text)),
      ends: waiting.map(({ text }) => (end += text.length)),
      privateKey: this.#privateKey,
    }
    this.#threads.run(job, asksNothing).then(
      (signatures) => {
        let from = 0
        for (const { resolve } of waiting) resolve((signatures as string).slice(from, (from += signatureLength)))
      },
      // Whatever became of the thread, the events must not be lost.
      () => this.#signHere(waiting),
    )
  }

  #signHere(waiting: readonly Waiting[]): void {
    for (const { text, resolve } of waiting) resolve(encodeUnpaddedBase64(sign(null, text, this.#privateKey)))
  }
}

const asksNothing = () => Promise.reject(new Error('Signing asks nothing'))
