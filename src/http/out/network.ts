import { Resolver } from 'node:dns/promises'
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import type { ServiceRecord } from '#base/outgoing.ts'
import { HostsFile, type TimedAddress } from './hosts-file.ts'

/** The network as an effect: what asks DNS, and opens TCP connections. Tests pass one that leads nowhere. */
export type Network = {
  /** Rejects with the codes of node:dns, ENOTFOUND and ENODATA where there is no such record. */
  resolve4(name: string): Promise<readonly TimedAddress[]>
  resolve6(name: string): Promise<readonly TimedAddress[]>
  resolveServices(name: string): Promise<readonly ServiceRecord[]>
  connect(options: TcpNetConnectOpts): Socket
  /** Ends questions under way. */
  cancel(): void
}

/** DNS as the machine is configured for it, and its hosts file before. */
export function systemNetwork(): Network {
  const resolver = new Resolver({ timeout: 2500, tries: 2 })
  const hosts = new HostsFile()
  return {
    resolve4: async (name) => (await hosts.find(name, 4)) ?? resolver.resolve4(name, { ttl: true }),
    resolve6: async (name) => (await hosts.find(name, 6)) ?? resolver.resolve6(name, { ttl: true }),
    resolveServices: (name) => resolver.resolveSrv(name),
    connect,
    cancel: () => resolver.cancel(),
  }
}
