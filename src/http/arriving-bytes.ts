import { limitExceeded, MatrixError } from '#base/errors.ts'
import { AddressTally } from './address-tally.ts'

type Limits = { inAll: number; perAddress: number }

/** The memory of one body while it arrives. */
export type Claim = {
  /** Counts more bytes; answers a refusal instead when they would be too many. */
  grow(bytes: number): MatrixError | undefined
  /** Releases all that was counted; further calls do nothing. */
  release(): void
}

/** Memory of bodies that have not arrived whole, counted for each address and in all. */
export class ArrivingBytes {
  readonly #limits: Limits
  readonly #held = new AddressTally()

  constructor(limits: Limits) {
    this.#limits = limits
  }

  get inAll(): number {
    return this.#held.inAll
  }

  /** Begins to count a body from an address. */
  claim(address: string): Claim {
    let held = 0
    return {
      grow: (bytes) => {
        const refusal = this.#add(address, bytes)
        if (!refusal) held += bytes
        return refusal
      },
      release: () => {
        this.#held.add(address, -held)
        held = 0
      },
    }
  }

  #add(address: string, bytes: number): MatrixError | undefined {
    const { perAddress, inAll } = this.#limits
    if (this.#held.of(address) + bytes > perAddress) return closing(limitExceeded(retryAfterMs))
    if (this.#held.inAll + bytes > inAll) return closing(overloaded())
    this.#held.add(address, bytes)
    return undefined
  }
}

const retryAfterMs = 5000
const overloaded = () =>
  new MatrixError(503, 'M_LIMIT_EXCEEDED', 'The server receives too much at once', {
    fields: { retry_after_ms: retryAfterMs },
    headers: { 'retry-after': String(retryAfterMs / 1000) },
  })

/** The same refusal, after which the connection ends: the rest of the body must not be waited for. */
export const closing = ({ status, errcode, message, fields, headers }: MatrixError): MatrixError =>
  new MatrixError(status, errcode, message, { fields, headers: { ...headers, connection: 'close' } })
