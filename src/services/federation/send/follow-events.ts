import type { Context } from '#context.ts'
import type { Batch, Follower } from '#jobs/follower.ts'
import { serverOf, type ServerName, type UserId } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { DestinationRoom } from '#store/federation/destination-rooms.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { PresenceOut } from './edus/send-presence.ts'
import { announceToNewServers } from './follow-device-lists.ts'
import { addressEvents, type AddressedEvent } from './address-events.ts'
import type { Sender, SenderNeeds } from './sender.ts'

type Needs = SenderNeeds & Pick<Context, 'store' | 'rooms' | 'bus'>

type Receivers = { sender: Sender; presence: Pick<PresenceOut, 'joined'> }

/** Writes down for each event of the stream which servers get it, and hands it to the sender. */
export const followEvents = (ctx: Needs, { sender, presence }: Receivers): Follower<'events'> => ({
  name: 'federation',
  streams: ['events'],
  // Before there was anybody to send to, nobody was missed.
  from: 'now',
  async handle(batch) {
    if (batch.entries.some(({ type }) => type === 'm.room.redaction')) ctx.pdus.forget()
    const { addressed, joined } = await addressAll(ctx, batch)
    const rows = newestOfRooms(addressed)
    if (rows.length > 0)
      await ctx.store.transaction(async (tx) => {
        await tx.federation.destinations.add([...new Set(rows.map(({ serverName }) => serverName))])
        await tx.federation.destinationRooms.queue(rows)
      })
    for (const { room, userId } of joined) presence.joined(room, userId)
    for (const [server, positions] of positionsByServer(addressed)) sender.sendEvents(server, positions)
    for (const { room, userId } of joined)
      if (serverOf(userId) === ctx.config.server_name) await announceToNewServers(ctx, room, userId)
    return rows.length > 0 ? undefined : 'nothing'
  },
})

type Joined = { room: LiveRoom; userId: UserId }

/** In the order of the stream. */
async function addressAll(
  ctx: Needs,
  { entries }: Batch<'events'>,
): Promise<{ addressed: AddressedEvent[]; joined: Joined[] }> {
  const addressed: AddressedEvent[] = []
  const joined: Joined[] = []
  for (const [nid, events] of Map.groupBy(entries, ({ roomNid }) => roomNid)) {
    const named = await ctx.pdus.room(nid)
    // A room that is no longer here, or not yet: nothing of ours is in it.
    const room = named && (await ctx.rooms.find(named.roomId))
    if (!room) continue
    addressed.push(...(await addressEvents(ctx, room, events)))
    for (const userId of joinedNow(room, events)) joined.push({ room, userId })
  }
  return { addressed: addressed.sort((one, other) => one.event.position - other.event.position), joined }
}

/** Who joined by these events and is there still. */
const joinedNow = (room: LiveRoom, events: readonly StoredEvent[]): UserId[] =>
  events.flatMap(({ type, stateKey, position }) => {
    const userId = stateKey as UserId
    const isLatest = type === 'm.room.member' && room.entry(type, userId)?.position === position
    return isLatest && room.members.get(userId) === 'join' ? [userId] : []
  })

function newestOfRooms(addressed: readonly AddressedEvent[]): DestinationRoom[] {
  const rows = new Map<string, DestinationRoom>()
  for (const { event, servers } of addressed)
    for (const serverName of servers)
      rows.set(`${event.roomNid} ${serverName}`, { serverName, roomNid: event.roomNid, position: event.position })
  return [...rows.values()]
}

function positionsByServer(addressed: readonly AddressedEvent[]): Map<ServerName, number[]> {
  const positions = new Map<ServerName, number[]>()
  for (const { event, servers } of addressed)
    for (const server of servers) {
      const known = positions.get(server)
      if (known) known.push(event.position)
      else positions.set(server, [event.position])
    }
  return positions
}
