import type { Socket } from 'node:net'
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
  readonly #byAddress = new Map<string, number>()
  #inAll = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  get inAll(): number {
    return this.#inAll
  }

  /** Counts a connection until it closes; false when there may be no more. */
  take(socket: Socket): boolean {
    const peer = peerAddress(socket)
    const key = addressKey(peer)
    const before = this.#byAddress.get(key) ?? 0
    const { inAll, perAddress, isTrusted } = this.#limits
    if (this.#inAll >= inAll || (before >= perAddress && !isTrusted(peer))) return false
    this.#inAll++
    this.#byAddress.set(key, before + 1)
    socket.once('close', () => this.#leave(key))
    return true
  }

  #leave(key: string): void {
    this.#inAll--
    const left = (this.#byAddress.get(key) ?? 0) - 1
    if (left > 0) this.#byAddress.set(key, left)
    else this.#byAddress.delete(key)
  }
}
