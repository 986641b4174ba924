import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Context } from '#context.ts'
import { inSlices } from '#base/in-slices.ts'
import { isValidServerName, type ServerName } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'

type Needs = Pick<Context, 'store' | 'serverAccess' | 'serverAcls' | 'config'>

/** Servers looked for in an ACL in one turn of the event loop: a hostile one is dear to ask. */
const serversAtOnce = 50

/** Of these servers, the others that the administrator and the room let take part; none where `m.federate` is false. */
export async function allowedServers(ctx: Needs, room: LiveRoom, servers: Iterable<ServerName>): Promise<ServerName[]> {
  const others = await talkedTo(ctx, room, servers)
  if (others.length === 0) return []
  await loadStateEntries(ctx, room, [['m.room.server_acl', '']])
  const pdu = room.entry('m.room.server_acl', '')?.pdu
  if (!pdu) return others
  const isAllowed = ctx.serverAcls.of(pdu)
  const allowed: ServerName[] = []
  for (const slice of inSlices(others, serversAtOnce)) {
    if (allowed.length > 0) await nextTurn()
    allowed.push(...slice.filter(isAllowed))
  }
  return allowed
}

/** The same whatever the room's ACL says: servers that it shuts out are to have the ACL itself, and so know why. */
export async function talkedTo(ctx: Needs, room: LiveRoom, servers: Iterable<ServerName>): Promise<ServerName[]> {
  const { config, serverAccess } = ctx
  const others = [...servers].filter(
    (server) => server !== config.server_name && isValidServerName(server) && serverAccess(server),
  )
  if (others.length === 0) return []
  await loadStateEntries(ctx, room, [['m.room.create', '']])
  return room.entry('m.room.create', '')?.pdu?.content['m.federate'] === false ? [] : others
}
