import type { Config } from '#base/config/schema.ts'
import { compileGlob } from '#protocol/glob.ts'
import { hostOf, inLowerCase, type ServerName } from '#protocol/ids.ts'

/** With which servers the administrator lets this one speak, in either direction. */
export type ServerAccess = (server: ServerName) => boolean

/** Prepares the lists of the configuration for many questions. */
export function readServerAccess({ federation }: Config): ServerAccess {
  if (!federation.enabled) return () => false
  const allowed = federation.allowed_servers?.map(globOf)
  const denied = federation.denied_servers.map(globOf)
  return (server) => {
    const host = inLowerCase(hostOf(server)).replace(/\.$/, '')
    if (denied.some((matches) => matches(host))) return false
    return allowed === undefined || allowed.some((matches) => matches(host))
  }
}

const globOf = (pattern: string) => {
  const matches = compileGlob(inLowerCase(pattern).replace(/\.$/, ''))
  // Who denies a domain means what is below it too.
  const below = compileGlob(`*.${inLowerCase(pattern).replace(/\.$/, '')}`)
  return (host: string) => matches(host) || below(host)
}
