import type { Context } from '#context.ts'
import type { ServerName } from '#protocol/ids.ts'
import type { DestinationRoom } from '#store/federation/destination-rooms.ts'
import { addressEvents } from './address-events.ts'
import type { OutgoingPdus } from './outgoing-pdus.ts'

type Needs = Pick<Context, 'store' | 'config' | 'rooms' | 'serverAccess' | 'serverAcls'> & { pdus: OutgoingPdus }

/** Where more rooms wait, only the latest event of each is sent. */
const maxResumedRooms = 50
/** Newest events of a room that are looked at for those that wait. */
const maxResumedEvents = 200

/** The latest event of each room that waits for a server, in the order of the rooms. */
export async function latestEvents(
  { store }: Pick<Context, 'store'>,
  { server, after, limit }: { server: ServerName; after: number; limit: number },
): Promise<number[]> {
  const waiting = await store.federation.destinationRooms.pendingOf(server, after, limit)
  return waiting.map(({ position }) => position)
}

/**
 * Every event after a position that waits for a server, in order: for a server that answered when this one stopped.
 * Undefined where there is too much to look through.
 */
export async function allEvents(
  ctx: Needs,
  { server, after }: { server: ServerName; after: number },
): Promise<number[] | undefined> {
  const waiting = await ctx.store.federation.destinationRooms.pendingOf(server, after, maxResumedRooms + 1)
  if (waiting.length > maxResumedRooms) return undefined
  const positions: number[] = []
  for (const room of waiting) positions.push(...(await eventsOf(ctx, room, after)))
  return positions.sort((one, other) => one - other)
}

async function eventsOf(
  ctx: Needs,
  { serverName, roomNid, position }: DestinationRoom,
  after: number,
): Promise<number[]> {
  const named = await ctx.pdus.room(roomNid)
  const room = named && (await ctx.rooms.find(named.roomId))
  if (!room) return []
  const page = await ctx.store.rooms.events.page({
    roomNid,
    from: position + 1,
    until: after,
    direction: 'backwards',
    limit: maxResumedEvents,
  })
  const addressed = await addressEvents(ctx, room, page.toReversed())
  return addressed.filter(({ servers }) => servers.includes(serverName)).map(({ event }) => event.position)
}
