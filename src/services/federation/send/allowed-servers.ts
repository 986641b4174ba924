import { LRUCache } from 'lru-cache'
import type { Context } from '#context.ts'
import { inSlices } from '#base/in-slices.ts'
import type { EventId, RoomId, ServerName } from '#protocol/ids.ts'
import { readServerAcl, type ServerAcl } from '#protocol/rooms/server-acl.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'

type Needs = Pick<Context, 'store' | 'serverAccess' | 'config'>

type Known = { aclId: EventId; acl: ServerAcl; answers: Map<ServerName, boolean> }

/** Rooms with an ACL whose answers are remembered: a hostile ACL is dear to ask. */
const maxRooms = 1000
/** Servers asked about in one turn of the event loop. */
const serversAtOnce = 50

/** Which servers what happens in a room may be sent to. */
export class AllowedServers {
  readonly #ctx: Needs
  readonly #known = new LRUCache<RoomId, Known>({ max: maxRooms })

  constructor(ctx: Needs) {
    this.#ctx = ctx
  }

  /** Of these servers, the others that the administrator and the room let take part; none where `m.federate` is false. */
  async among(room: LiveRoom, servers: Iterable<ServerName>): Promise<ServerName[]> {
    const { config, serverAccess } = this.#ctx
    const others = [...servers].filter((server) => server !== config.server_name && serverAccess(server))
    if (others.length === 0) return []
    await loadStateEntries(this.#ctx, room, [
      ['m.room.create', ''],
      ['m.room.server_acl', ''],
    ])
    if (room.entry('m.room.create', '')?.pdu?.content['m.federate'] === false) return []
    const acl = room.entry('m.room.server_acl', '')
    if (!acl?.pdu) return others
    const known = this.#know(room.roomId, acl.eventId, () => readServerAcl(acl.pdu?.content))
    const allowed: ServerName[] = []
    for (const slice of inSlices(others, serversAtOnce)) {
      if (slice.some((server) => !known.answers.has(server))) await new Promise((resolve) => setImmediate(resolve))
      for (const server of slice) {
        const isAllowed = known.answers.get(server) ?? known.acl(server)
        known.answers.set(server, isAllowed)
        if (isAllowed) allowed.push(server)
      }
    }
    return allowed
  }

  #know(roomId: RoomId, aclId: EventId, read: () => ServerAcl): Known {
    const known = this.#known.get(roomId)
    if (known?.aclId === aclId) return known
    const made = { aclId, acl: read(), answers: new Map<ServerName, boolean>() }
    this.#known.set(roomId, made)
    return made
  }
}
