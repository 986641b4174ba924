import { isIP } from 'node:net'
import { hostOf, isValidServerName, type ServerName } from '#protocol/ids.ts'

/** A server name taken apart, as discovery reads it. */
export type ServerAddress = {
  name: ServerName
  /** In lower case, an IPv6 address without its brackets. */
  host: string
  port: number | undefined
  isIpLiteral: boolean
}

/** Where a server speaks that says nothing else. */
export const usualPort = 8448

/** Undefined for what no server can be reached under. */
export function parseServerAddress(name: string): ServerAddress | undefined {
  if (!isValidServerName(name)) return undefined
  const written = hostOf(name)
  const port = name.length > written.length ? Number(name.slice(written.length + 1)) : undefined
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined
  const host = written.replace(/^\[|\]$/g, '').toLowerCase()
  return { name, host, port, isIpLiteral: isIP(host) !== 0 }
}
