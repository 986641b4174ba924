import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { OutgoingError, type OutgoingRequest, type Place } from '#base/outgoing.ts'

/** Where one request goes: a redirect leads to another. */
export type Hop = Place & { isPlain: boolean }

/** Reads where a request goes; throws for what is no web address that may be asked. */
export function hopOf(to: string | Place, allowsHttp: boolean): Hop {
  if (typeof to !== 'string') return { ...to, isPlain: false }
  const url = URL.parse(to)
  if (!url) throw refused('It is no URL')
  const isPlain = url.protocol === 'http:'
  if (isPlain ? !allowsHttp : url.protocol !== 'https:') throw refused(`${url.protocol} is not spoken`)
  if (url.username !== '' || url.password !== '') throw refused('The URL holds credentials')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return {
    host,
    port: Number(url.port || (isPlain ? 80 : 443)),
    certificateName: host.replace(/\.$/, ''),
    hostHeader: url.host,
    path: url.pathname + url.search,
    isPlain,
  }
}

/** Why a URL is refused without a look at the network. */
export function refusalOfUrl(url: string, isAllowed: (address: string) => boolean): string | undefined {
  try {
    const { host } = hopOf(url, false)
    return isIP(host) !== 0 && !isAllowed(host) ? 'It is no public address' : undefined
  } catch (error) {
    if (error instanceof OutgoingError) return error.message
    throw error
  }
}

export const urlOf = ({ isPlain, hostHeader, path }: Hop): string =>
  `${isPlain ? 'http' : 'https'}://${hostHeader}${path}`

/** Where an answer sends those that follow redirects. */
export function redirection(
  { method, maxRedirects }: OutgoingRequest,
  hop: Hop,
  { statusCode = 0, headers: { location } }: IncomingMessage,
): string | undefined {
  if (maxRedirects === undefined || (method !== 'GET' && method !== 'HEAD')) return undefined
  if (![301, 302, 303, 307, 308].includes(statusCode) || location === undefined) return undefined
  const next = URL.parse(location, urlOf(hop))
  if (!next) throw new OutgoingError('It redirects to no URL', { isUnsent: false })
  return next.href
}

const refused = (message: string) => new OutgoingError(message, { isUnsent: true })
