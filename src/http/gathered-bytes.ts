import type { MatrixError } from '#base/errors.ts'
import type { Claim } from './arriving-bytes.ts'

const firstBytes = 4096

/** A body as it arrives, copied together: a buffer kept for every chunk costs a hundred times a chunk of one byte. */
export class GatheredBytes {
  readonly #claim: Claim
  readonly #atMost: number
  #room = Buffer.alloc(0)
  #size = 0

  /** `atMost`: how many bytes can come. */
  constructor(claim: Claim, atMost: number) {
    this.#claim = claim
    this.#atMost = atMost
  }

  get size(): number {
    return this.#size
  }

  /** The bytes so far. */
  get bytes(): Buffer {
    return this.#room.subarray(0, this.#size)
  }

  /** Adds a chunk; answers the refusal when it exceeds the memory bounds. */
  add(chunk: Buffer): MatrixError | undefined {
    const size = this.#size + chunk.length
    if (size > this.#room.length) {
      const refusal = this.#grow(Math.max(size, Math.min(this.#atMost, Math.max(2 * this.#room.length, firstBytes))))
      if (refusal) return refusal
    }
    chunk.copy(this.#room, this.#size)
    this.#size = size
    return undefined
  }

  #grow(length: number): MatrixError | undefined {
    const refusal = this.#claim.grow(length - this.#room.length)
    if (refusal) return refusal
    const room = Buffer.allocUnsafeSlow(length)
    this.#room.copy(room, 0, 0, this.#size)
    this.#room = room
    return undefined
  }
}
