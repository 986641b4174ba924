import { recentMap } from '#base/recent-map.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { ServerName } from '#protocol/ids.ts'
import { readServerAcl, type ServerAcl } from '#protocol/rooms/server-acl.ts'

/** Servers whose verdict is remembered for one ACL. */
const maxVerdicts = 10_000

/**
 * The ACLs of rooms: each is read once for as long as its event is in memory, and each server is looked for in it once.
 * So whatever an ACL holds, the next question costs nothing.
 */
export class ServerAcls {
  readonly #acls = new WeakMap<Pdu, ServerAcl>()

  of(pdu: Pdu): ServerAcl {
    const known = this.#acls.get(pdu)
    if (known) return known
    const read = readServerAcl(pdu.content)
    const verdicts = recentMap<ServerName, boolean>(maxVerdicts)
    const acl: ServerAcl = (server) => {
      const verdict = verdicts.get(server) ?? read(server)
      verdicts.set(server, verdict)
      return verdict
    }
    this.#acls.set(pdu, acl)
    return acl
  }
}
