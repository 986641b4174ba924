import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { RoomId, ServerName } from '#protocol/ids.ts'
import type { Backoff, Destination, DestinationPage, Pending } from '#store/federation/destinations.ts'

type Needs = Pick<Context, 'store' | 'destinations'>

/** How it stands with a server that something was sent to. */
export type DestinationStatus = {
  serverName: ServerName
  lastSent: number
  backoff: Backoff | undefined
  pending: Pending
}

/** Servers in an order, with what waits for each; what this process knows of pauses is newer than what is stored. */
export async function listDestinations(
  ctx: Needs,
  page: DestinationPage,
): Promise<{ destinations: DestinationStatus[]; total: number }> {
  const { destinations } = ctx.store.federation
  const found = await destinations.page(page)
  return { destinations: await withPending(ctx, found), total: await destinations.count(page.contains) }
}

export async function findDestination(ctx: Needs, serverName: ServerName): Promise<DestinationStatus> {
  const found = await ctx.store.federation.destinations.find(serverName)
  const [status] = found ? await withPending(ctx, [found]) : []
  if (!status) throw notFound('Nothing was sent to this server')
  return status
}

export async function listDestinationRooms(
  ctx: Needs,
  serverName: ServerName,
  page: { from: number; limit: number; direction: 'asc' | 'desc' },
): Promise<{ rooms: { roomId: RoomId; position: number }[]; total: number }> {
  const { destinations, destinationRooms } = ctx.store.federation
  if (!(await destinations.find(serverName))) throw notFound('Nothing was sent to this server')
  const rooms = await destinationRooms.listRooms(serverName, page)
  return { rooms, total: await destinationRooms.countRooms(serverName) }
}

/** Ends the pause of a server: what waits is sent at once. False where it has none. */
export async function resetDestination(ctx: Needs, serverName: ServerName): Promise<boolean> {
  if (!(await ctx.store.federation.destinations.find(serverName))) throw notFound('Nothing was sent to this server')
  return ctx.destinations.reset(serverName)
}

async function withPending(
  { store, destinations }: Needs,
  found: readonly Destination[],
): Promise<DestinationStatus[]> {
  const pending = await store.federation.destinations.pending(found.map(({ serverName }) => serverName))
  return found.map(({ serverName, lastSent }, index) => ({
    serverName,
    lastSent,
    backoff: destinations.find(serverName),
    pending: pending[index] ?? { rooms: 0, edus: 0, eduBytes: 0 },
  }))
}
