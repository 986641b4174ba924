import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import { compileGlob, type Glob } from '#protocol/glob.ts'
import { hostOf, inLowerCase, isIpLiteral, isValidServerName, type ServerName } from '#protocol/ids.ts'

/** Says for each server whether a room lets it take part; keep it as long as the room's ACL stands. */
export type ServerAcl = (server: ServerName) => boolean

/** Whether the content of `m.room.server_acl` (undefined where the room has none) lets the server take part. */
export function isServerAllowed(content: JsonObject | undefined, server: ServerName): boolean {
  return readServerAcl(content)(server)
}

/** Prepares an ACL for many questions. https://spec.matrix.org/v1.19/client-server-api/#mroomserver_acl */
export function readServerAcl(content: JsonObject | undefined): ServerAcl {
  // 1
  if (!content) return () => true
  const deny = globs(content.deny)
  const allow = globs(content.allow)
  return (server) => {
    if (!isValidServerName(server)) return false
    const host = inLowerCase(hostOf(server))
    // NOTSPEC: what denies a name denies it with a trailing dot as well, or the dot would be the way around a ban.
    const names = [...new Set([host, host.replace(/\.$/, '')])]
    // 2
    if (content.allow_ip_literals === false && names.some(isIpLiteral)) return false
    // 3, 4 and 5
    return !deny.some((matches) => names.some(matches)) && allow.some((matches) => matches(host))
  }
}

function globs(list: JsonValue | undefined): Glob[] {
  if (!Array.isArray(list)) return []
  const patterns = list.filter((pattern) => typeof pattern === 'string').map(inLowerCase)
  return [...new Set(patterns)].map(compileGlob)
}
