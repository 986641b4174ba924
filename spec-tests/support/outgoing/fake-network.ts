import type { LookupAddress } from 'node:dns'
import { connect, Socket, type TcpNetConnectOpts } from 'node:net'
import type { ServiceRecord } from '#base/outgoing.ts'
import type { Network } from '#http/out/network.ts'

/** What the network of a test has; it may be changed while it is in use. */
export type FakeNetwork = Network & {
  /** The addresses of names; where this is a function, it is asked each time. */
  addresses: Map<string, readonly string[] | (() => readonly string[])>
  services: Map<string, readonly ServiceRecord[]>
  /** Ports of this machine by `host:port`: all others are closed. */
  ports: Map<string, number>
  /** The lifetime of addresses in seconds. */
  ttl: number
  /** Every question for addresses or services, and every connection with the address that it was for. */
  asked: string[]
  dialed: string[]
}

/** DNS of a few names; and connections that lead to ports of this machine, whatever the address. */
export function fakeNetwork(): FakeNetwork {
  const resolve = async (name: string, family: 4 | 6) => {
    network.asked.push(`${family} ${name}`)
    const known = network.addresses.get(name)
    const addresses = (typeof known === 'function' ? known() : known) ?? []
    const found = addresses.filter((address) => address.includes(':') === (family === 6))
    if (found.length === 0) throw absent()
    return found.map((address) => ({ address, ttl: network.ttl }))
  }
  const network: FakeNetwork = {
    addresses: new Map(),
    services: new Map(),
    ports: new Map(),
    ttl: 300,
    asked: [],
    dialed: [],
    resolve4: (name) => resolve(name, 4),
    resolve6: (name) => resolve(name, 6),
    resolveServices: async (name) => {
      network.asked.push(`SRV ${name}`)
      const records = network.services.get(name)
      if (!records) throw absent()
      return records
    },
    connect(options) {
      const port = network.ports.get(`${options.host}:${options.port}`)
      network.dialed.push(`${addressOf(options)} ${options.port}`)
      return port === undefined ? refused() : connect({ host: '127.0.0.1', port })
    },
    cancel: () => {},
  }
  return network
}

/** A network on which there is nothing. */
export const noNetwork = (): Network => fakeNetwork()

/** The first address that the connection is for. */
function addressOf({ host = '', lookup }: TcpNetConnectOpts): string {
  let address = host
  if (host && !/^[\d.]+$|:/.test(host))
    lookup?.(host, {}, (_error, found) => (address = (found as unknown as LookupAddress[])[0]!.address))
  return address
}

function refused(): Socket {
  const socket = new Socket()
  setImmediate(() => socket.destroy(Object.assign(new Error('closed port'), { code: 'ECONNREFUSED' })))
  return socket
}

const absent = () => Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
