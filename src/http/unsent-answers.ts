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

/** Answers that clients have not taken yet: who takes nothing, or lets too much wait, is cut off. */
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

  /** Answers that wait for earlier ones of their connection do not hear of its end. */
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

  /** One answer alone is sent whatever its size: the bounds are for what piles up. */
  #enforce(newest: Unsent): void {
    const { perConnection, perAddress, inAll } = this.#limits
    const ofAddress = this.#byAddress.get(newest.address) ?? new Set()
    const inConnection = [...ofAddress].filter(({ socket }) => socket === newest.socket)
    if (inConnection.length > 1 && sum(inConnection) > perConnection) this.#end(newest)
    while (ofAddress.size > 1 && sum(ofAddress) > perAddress) this.#endOldest(ofAddress)
    while (this.#inAll > inAll && this.#inAll > newest.bytes) this.#endOldest(this.#largest())
  }

  /** Who owes most is at fault when all of it is too much. */
  #largest(): Set<Unsent> {
    const sums = [...this.#byAddress.values()].map((answers) => ({ answers, bytes: sum(answers) }))
    return sums.reduce((most, other) => (other.bytes > most.bytes ? other : most)).answers
  }

  #endOldest(answers: Set<Unsent>): void {
    for (const oldest of answers) return this.#end(oldest)
  }

  /** Ends the connection, with all that waits in it. */
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

  /** An answer that is not there yet is no fault of the client. */
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
