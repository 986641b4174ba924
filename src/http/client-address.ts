import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv6 } from 'node:net'

/** Finds the address a request came from; X-Forwarded-For counts only as far as trusted proxies wrote it. */
export function clientAddress(trustedProxies: readonly string[]): (request: IncomingMessage) => string {
  if (trustedProxies.length === 0) return (request) => plain(request.socket.remoteAddress ?? '')
  const trusted = proxyList(trustedProxies)
  const isTrusted = (ip: string) => trusted.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4')
  return (request) => {
    let ip = plain(request.socket.remoteAddress ?? '')
    const hops = isIP(ip) && isTrusted(ip) ? forwardedHops(request) : []
    for (let hop = hops.pop(); hop !== undefined && isIP(hop) && isTrusted(ip); hop = hops.pop()) ip = hop
    return ip
  }
}

/** Addresses and CIDR ranges as one list; throws on anything else, so that a typing error stops the start. */
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
function forwardedHops(request: IncomingMessage): string[] {
  const header = request.headers['x-forwarded-for']
  const text = Array.isArray(header) ? header.join(',') : (header ?? '')
  return text.split(',').map((hop) => plain(hop.trim()))
}

/** An IPv4 peer of an IPv6 socket is still an IPv4 peer. */
const plain = (ip: string) => ip.replace(/^::ffff:(?=\d+\.)/i, '')
