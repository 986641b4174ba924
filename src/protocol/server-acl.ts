import type { JsonObject, JsonValue } from './event.ts'
import { compileGlob, type Glob } from './glob.ts'
import { hostOf, isIpLiteral, isValidServerName, type ServerName } from './ids.ts'

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
    // 2
    if (content.allow_ip_literals === false && isIpLiteral(server)) return false
    const host = comparable(server)
    // 3, 4 and 5
    return !deny.some((matches) => matches(host)) && allow.some((matches) => matches(host))
  }
}

// NOTSPEC: a trailing dot does not count, or `evil.example.` would be the way around a ban of `evil.example`.
function comparable(server: ServerName): string {
  return hostOf(server).toLowerCase().replace(/\.$/, '')
}

function globs(list: JsonValue | undefined): Glob[] {
  if (!Array.isArray(list)) return []
  const patterns = list.filter((pattern) => typeof pattern === 'string').map((pattern) => pattern.toLowerCase())
  return [...new Set(patterns)].map(compileGlob)
}
