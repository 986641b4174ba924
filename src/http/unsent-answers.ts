import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { systemClock } from '#base/clock.ts'

type Limits = { inAll: number; perAddress: number; perConnection: number; timeoutMs: number }

type Unsent = {
  response: ServerResponse
  socket: Socket
  address: string
  bytes: number
  /** What the connection had taken, and when that was seen first. */
  taken: number
  takenAt: number
}

const looksPerTimeout = 4

/** Responses that clients have not received yet: connections that read nothing, or too slowly, are closed. */
export class UnsentAnswers {
  readonly #limits: Limits
  readonly #cut: () => void
  /** By address, oldest first. */
  readonly #byAddress = new Map<string, Set<Unsent>>()
  readonly #followed = new WeakSet<Socket>()
  #inAll = 0
  #stopLooking = (): void => {}

  /** `cut` is called for each connection that is ended. */
  constructor(limits: Limits, cut: () => void) {
    this.#limits = limits
    this.#cut = cut
  }

  get inAll(): number {
    return this.#inAll
  }

  /**
   * Counts an answer until it is sent or its connection is gone. Whoever sends it in pieces calls what this returns
   * whenever another number of bytes waits.
   */
  watch(response: ServerResponse, { address, bytes }: { address: string; bytes: number }): (bytes: number) => void {
    const { socket } = response.req
    const unsent = { response, socket, address, bytes, taken: socket.bytesWritten, takenAt: performance.now() }
    const ofAddress = this.#byAddress.get(address) ?? new Set()
    if (this.#byAddress.size === 0) this.#look()
    this.#byAddress.set(address, ofAddress.add(unsent))
    this.#inAll += bytes
    response.once('close', () => this.#forget(unsent))
    this.#follow(socket)
    this.#enforce(unsent)
    return (now) => this.#change(unsent, now)
  }

  #change(unsent: Unsent, bytes: number): void {
    if (!this.#byAddress.get(unsent.address)?.has(unsent)) return
    this.#inAll += bytes - unsent.bytes
    unsent.bytes = bytes
    this.#enforce(unsent)
  }

  /** Pipelined responses behind others get no event when their connection ends. */
  #follow(socket: Socket): void {
    if (this.#followed.has(socket)) return
    this.#followed.add(socket)
    socket.once('close', () => this.#forgetAll(socket))
  }

  #forgetAll(socket: Socket): void {
    for (const answers of this.#byAddress.values())
      for (const unsent of answers) if (unsent.socket === socket) this.#forget(unsent)
  }

  #forget(unsent: Unsent): void {
    const ofAddress = this.#byAddress.get(unsent.address)
    if (!ofAddress?.delete(unsent)) return
    this.#inAll -= unsent.bytes
    if (ofAddress.size === 0) this.#byAddress.delete(unsent.address)
    if (this.#byAddress.size === 0) this.#stopLooking()
  }

  /** A single response is sent whatever its size: the bounds are for several. */
  #enforce(newest: Unsent): void {
    const { perConnection, perAddress, inAll } = this.#limits
    const ofAddress = this.#byAddress.get(newest.address) ?? new Set()
    const inConnection = [...ofAddress].filter(({ socket }) => socket === newest.socket)
    if (inConnection.length > 1 && sum(inConnection) > perConnection) this.#end(newest)
    while (ofAddress.size > 1 && sum(ofAddress) > perAddress) this.#endOldest(ofAddress)
    while (this.#inAll > inAll && this.#inAll > newest.bytes) this.#endOldest(this.#largest())
  }

  /** When the total is too large, the address with the most is cut off. */
  #largest(): Set<Unsent> {
    const sums = [...this.#byAddress.values()].map((answers) => ({ answers, bytes: sum(answers) }))
    return sums.reduce((most, other) => (other.bytes > most.bytes ? other : most)).answers
  }

  #endOldest(answers: Set<Unsent>): void {
    for (const oldest of answers) return this.#end(oldest)
  }

  /** Ends the connection and drops its unsent responses. */
  #end({ socket }: Unsent): void {
    this.#forgetAll(socket)
    this.#cut()
    socket.destroy()
  }

  #look(): void {
    this.#stopLooking = systemClock.every(this.#limits.timeoutMs / looksPerTimeout, () => {
      const now = performance.now()
      for (const answers of this.#byAddress.values()) for (const unsent of answers) this.#judge(unsent, now)
    })
  }

  /** Time during which the response was not ready does not count against the client. */
  #judge(unsent: Unsent, now: number): void {
    const { response, socket } = unsent
    const taken = socket.bytesWritten
    if (taken !== unsent.taken || response.socket === null || response.writableLength === 0) {
      unsent.taken = taken
      unsent.takenAt = now
    } else if (now - unsent.takenAt >= this.#limits.timeoutMs) this.#end(unsent)
  }
}

function sum(answers: Iterable<Unsent>): number {
  let bytes = 0
  for (const answer of answers) bytes += answer.bytes
  return bytes
}
