import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv6, type Socket } from 'node:net'

/**
 * Finds the address a request came from; X-Forwarded-For counts only as far as trusted proxies wrote it.
 * `warn` gets the first untrusted peer with such a header: the operator may have forgotten to trust a proxy.
 */
export function clientAddress(
  trustedProxies: readonly string[],
  warn: (peer: string) => void,
): (request: IncomingMessage) => string {
  const isTrusted = addressesIn(trustedProxies)
  let hasWarned = false
  return (request) => {
    let ip = peerAddress(request.socket)
    const header = request.headers['x-forwarded-for']
    if (header === undefined) return ip
    if (!isTrusted(ip)) {
      if (!hasWarned) warn(ip)
      hasWarned = true
      return ip
    }
    const hops = forwardedHops(header)
    for (let hop = hops.pop(); hop !== undefined && isIP(hop) && isTrusted(ip); hop = hops.pop()) ip = hop
    return ip
  }
}

/** Whether an address is one of these or in one of their ranges. */
export function addressesIn(entries: readonly string[]): (ip: string) => boolean {
  if (entries.length === 0) return () => false
  const list = proxyList(entries)
  return (ip) => isIP(ip) !== 0 && list.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4')
}

/** The other end of the connection. */
export const peerAddress = ({ remoteAddress = '' }: Pick<Socket, 'remoteAddress'>): string => plain(remoteAddress)

/** Addresses and CIDR ranges as one list; throws on anything else, so that a typing error prevents the start. */
function proxyList(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/')
    if (!isIP(address)) throw new Error(`listen.trusted_proxies: ${entry} is no address`)
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

/** Farthest hop first. */
function forwardedHops(header: string | string[]): string[] {
  const text = Array.isArray(header) ? header.join(',') : header
  return text.split(',').map((hop) => plain(withoutPort(hop.trim())))
}

/** Some proxies write the port too: 192.0.2.1:1234, or [2001:db8::1]:1234. */
function withoutPort(hop: string): string {
  const [, bracketed, ipv4] = /^(?:\[([^\]]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/.exec(hop) ?? []
  return bracketed ?? ipv4 ?? hop
}

/** An IPv4 peer of an IPv6 socket is still an IPv4 peer. */
const plain = (ip: string) => ip.replace(/^::ffff:(?=\d+\.)/i, '')
