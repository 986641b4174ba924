import { BlockList, isIP, isIPv6 } from 'node:net'
import { addressesIn } from '../client-address.ts'

/** Not to be reached from everywhere: https://www.iana.org/assignments/iana-ipv4-special-registry */
const specialIpv4 = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // shared by the customers of a provider
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, metadata of clouds
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // relays of 6to4
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
] as const

/** Parts of the public 2000::/3 that stand for other addresses, or for none. */
const specialIpv6 = [
  ['2001::', 23], // protocol assignments: Teredo, ORCHID
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: holds an IPv4 address
  ['3fff::', 20], // documentation
] as const

/**
 * Whether a connection to an address is allowed: a public one, or one of these networks. Of IPv6 only 2000::/3 is
 * public: loopback, local and multicast addresses lie outside of it, and so do those that hold IPv4 addresses
 * (`::/96`, `::ffff:0:0/96`, `64:ff9b::/96`). What is written in any unusual form is refused.
 */
export function addressGate(allowedNetworks: readonly string[]): (address: string) => boolean {
  const special = new BlockList()
  for (const [network, bits] of specialIpv4) special.addSubnet(network, bits, 'ipv4')
  for (const [network, bits] of specialIpv6) special.addSubnet(network, bits, 'ipv6')
  const unicast = new BlockList()
  unicast.addSubnet('2000::', 3, 'ipv6')
  const isAllowed = addressesIn(allowedNetworks)
  return (address) => {
    if (isIP(address) === 0 || address.includes('%')) return false
    if (isAllowed(address)) return true
    return isIPv6(address)
      ? unicast.check(address, 'ipv6') && !special.check(address, 'ipv6')
      : !special.check(address, 'ipv4')
  }
}
