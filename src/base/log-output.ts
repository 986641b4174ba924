import { writeSync } from 'node:fs'
import { systemClock } from './clock.ts'

/** Buffered lines for a slow reader, in bytes; more are dropped. */
const maxWaitingBytes = 1_048_576
const retryMs = 100

/** Writes bytes without blocking: answers how many were written, throws when none can be. */
export type WriteNow = (bytes: Buffer) => number

/**
 * The log output. A full disk, a closed or a slow pipe must not affect the server: lines that cannot be written are
 * dropped and counted, and one line reports how many once writing works again.
 */
export class LogOutput {
  readonly #writeNow: WriteNow
  readonly #waiting: Piece[] = []
  #waitingBytes = 0
  #lost = 0
  #reported = 0
  /** The last line was written only in part. */
  #isTorn = false

  constructor(writeNow: WriteNow) {
    this.#writeNow = writeNow
  }

  /** How many lines were dropped so far. */
  get lost(): number {
    return this.#lost
  }

  write(line: string): void {
    const piece = { bytes: Buffer.from(line), isRest: false }
    if (this.#waiting.length === 0) this.#put(piece)
    else if (this.#waitingBytes + piece.bytes.length > maxWaitingBytes) this.#lost++
    else {
      this.#waiting.push(piece)
      this.#waitingBytes += piece.bytes.length
    }
  }

  /** Writes a piece or drops it; false when it has to wait. */
  #put({ bytes, isRest }: Piece): boolean {
    const whole = this.#isTorn && !isRest ? Buffer.concat([newline, bytes]) : bytes
    let written = 0
    try {
      while (written < whole.length) written += this.#writeNow(whole.subarray(written))
      this.#isTorn = false
      this.#reportLost()
    } catch (error) {
      const hasBegun = isRest || written > 0
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
        this.#wait({ bytes: whole.subarray(written), isRest: hasBegun })
        return false
      }
      this.#isTorn ||= hasBegun
      this.#lost++
    }
    return true
  }

  #reportLost(): void {
    const count = this.#lost - this.#reported
    if (count === 0) return
    this.#reported = this.#lost
    const line = { level: 'warn', time: new Date().toISOString(), message: 'log lines were lost', count }
    this.#put({ bytes: Buffer.from(`${JSON.stringify(line)}\n`), isRest: false })
  }

  #wait(piece: Piece): void {
    this.#waiting.unshift(piece)
    this.#waitingBytes += piece.bytes.length
    systemClock.after(retryMs, () => this.#writeWaiting())
  }

  #writeWaiting(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#waitingBytes -= next.bytes.length
      if (!this.#put(next)) return
    }
  }
}

/** A line, or the rest of one whose beginning is written. */
type Piece = { bytes: Buffer; isRest: boolean }

const newline = Buffer.from('\n')

/** The standard output of the process. */
export function standardOutput(): LogOutput {
  // Node makes a pipe or socket non-blocking when it makes this stream of it; a file never waits.
  const { fd } = process.stdout
  return new LogOutput((bytes) => writeSync(fd, bytes))
}
