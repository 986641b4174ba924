import type { Socket } from 'node:net'
import { AddressTally } from './address-tally.ts'
import { peerAddress } from './client-address.ts'
import { addressKey } from './rate-limit.ts'

type Limits = {
  inAll: number
  perAddress: number
  /** Proxies, whose connections belong to many clients. */
  isTrusted: (ip: string) => boolean
}

/** The connections that are open, on all ports: each keeps a file descriptor and some tens of kilobytes. */
export class Connections {
  readonly #limits: Limits
  readonly #open = new AddressTally()

  constructor(limits: Limits) {
    this.#limits = limits
  }

  get inAll(): number {
    return this.#open.inAll
  }

  /** Counts a connection until it closes; false when there may be no more. */
  take(socket: Socket): boolean {
    const peer = peerAddress(socket)
    const key = addressKey(peer)
    const { inAll, perAddress, isTrusted } = this.#limits
    if (this.#open.inAll >= inAll || (this.#open.of(key) >= perAddress && !isTrusted(peer))) return false
    this.#open.add(key, 1)
    socket.once('close', () => this.#open.add(key, -1))
    return true
  }
}
