import type { Context } from '#context.ts'
import { prevEventIds } from '#protocol/events/event.ts'
import { serverOf, type EventId, type ServerName } from '#protocol/ids.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { contentOf, storedPdu } from '#services/rooms/events/stored-pdu.ts'
import { allowedServers, talkedTo } from './allowed-servers.ts'
import { serversAfter } from './servers-in-room.ts'

type Needs = Pick<Context, 'store' | 'config' | 'serverAccess' | 'serverAcls'>

/** An event with the servers that get it from this one. */
export type AddressedEvent = { event: StoredEvent; servers: readonly ServerName[] }

/**
 * Decides who gets which events of a room, in the order of their positions: those that users of this server made, and
 * those of other servers that entered the room here (`relayed_events`), which all but their own server get. Servers with
 * joined users just after the event count, and for a kick, ban or withdrawn invite the server of its target. An invite
 * itself reaches that server by `/invite` alone: there it is signed as well.
 */
export async function addressEvents(
  ctx: Needs,
  room: LiveRoom,
  events: readonly StoredEvent[],
): Promise<AddressedEvent[]> {
  const { server_name: own } = ctx.config
  const accepted = events.filter(({ status }) => status === 'accepted')
  const isOurs = ({ sender }: StoredEvent) => serverOf(sender) === own
  const entering = accepted.filter((event) => !isOurs(event) && isOwnMembership(event))
  const relayed = await ctx.store.federation.relayedEvents.findMany(entering.map(({ eventId }) => eventId))
  const outgoing = accepted.filter((event) => isOurs(event) || relayed.has(event.eventId))
  const positions = outgoing.map(({ position }) => position)
  const present = await serversAfter(ctx, room, positions)
  // Mostly one set of servers for all events.
  const asked = new Map<ReadonlySet<ServerName>, readonly ServerName[]>()
  const getsEvent = async (event: StoredEvent, servers: ReadonlySet<ServerName>) => {
    if (event.type === 'm.room.server_acl') return talkedTo(ctx, room, servers)
    const allowed = asked.get(servers) ?? (await allowedServers(ctx, room, servers))
    asked.set(servers, allowed)
    return allowed
  }
  const addressed: AddressedEvent[] = []
  for (const [index, event] of outgoing.entries()) {
    const servers = present[index] ?? new Set()
    const target = targetServer(event)
    const hasReceivers = servers.size > 0 || (target !== undefined && target !== own)
    if (!hasReceivers || (isOurs(event) && (await isLetInElsewhere(ctx, room, event)))) continue
    const allowed = await getsEvent(event, servers)
    const origin = relayed.get(event.eventId)
    const isOutside = target !== undefined && !servers.has(target)
    const outside = isOutside ? await allowedServers(ctx, room, [target]) : []
    addressed.push({ event, servers: [...allowed.filter((server) => server !== origin), ...outside] })
  }
  return addressed
}

const isOwnMembership = ({ type, stateKey, sender }: StoredEvent): boolean =>
  type === 'm.room.member' && stateKey === sender

/** The server of the user whom the event puts out of the room. */
function targetServer(event: StoredEvent): ServerName | undefined {
  if (event.type !== 'm.room.member' || event.stateKey === null || isOwnMembership(event)) return undefined
  const { membership } = contentOf(event)
  return membership === 'leave' || membership === 'ban' ? serverOf(event.stateKey) : undefined
}

/** Whether another server let our user in: that one sends the join to all others. Ours follow events that are here. */
async function isLetInElsewhere(ctx: Needs, room: LiveRoom, event: StoredEvent): Promise<boolean> {
  if (!isOwnMembership(event) || contentOf(event).membership !== 'join') return false
  const [whole] = await ctx.store.rooms.events.atPositions([event.position])
  const previous: readonly EventId[] = whole ? prevEventIds(storedPdu(whole, room), room.version) : []
  if (previous.length === 0) return false
  const found = await ctx.store.rooms.events.findMany(previous)
  return !found.some(({ status, position }) => status !== 'outlier' && position > 0 && position < event.position)
}
