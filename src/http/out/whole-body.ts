import { OutgoingError } from '#base/outgoing.ts'

/** Of all answers that have not arrived whole. */
const maxArrivingBytes = 268_435_456

/** Puts bodies together that are wanted whole, and counts what it holds for those that are not whole yet. */
export class WholeBodies {
  readonly #limit: number
  #bytes = 0

  constructor(limit = maxArrivingBytes) {
    this.#limit = limit
  }

  async read(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    let bytes = 0
    try {
      for await (const chunk of body) {
        bytes += chunk.length
        this.#bytes += chunk.length
        if (this.#bytes > this.#limit) throw new OutgoingError('Too much arrives at once', { isUnsent: false })
        chunks.push(chunk)
      }
      return Buffer.concat(chunks)
    } finally {
      this.#bytes -= bytes
    }
  }
}
