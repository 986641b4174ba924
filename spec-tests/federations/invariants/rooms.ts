import { checkRoom } from '../../support/rooms/room-check.ts'
import { difference } from '../../sequences/report.ts'
import type { EventStatus } from '#store/rooms/events.ts'
import type { FederatedServer } from '../servers.ts'
import { isIn, type World, type WorldRoom } from '../world.ts'
import type { Report } from './report.ts'

const beforeAll = Number.MIN_SAFE_INTEGER

/** A room as a server has it. */
type Held = {
  server: FederatedServer
  extremities: string[]
  state: Record<string, string>
  statuses: Map<string, EventStatus>
}

async function holdingOf(server: FederatedServer, { roomId }: WorldRoom): Promise<Held> {
  const { rooms, store } = server.context
  const room = await rooms.get(roomId)
  const nid = room.nid ?? 0
  const events = await store.rooms.check.events(nid, { after: beforeAll, limit: 10_000 })
  return {
    server,
    extremities: [...room.forwardExtremities].sort(),
    state: Object.fromEntries([...room.state].map(([key, { eventId }]) => [key, eventId])),
    statuses: new Map(events.map(({ eventId, status }) => [eventId, status])),
  }
}

/** Every server in a room has the same of it, and what it derives of that is right. */
export async function roomsAgree(world: World, room: WorldRoom, report: Report): Promise<void> {
  const held: Held[] = []
  for (const server of world.servers) if (await isIn(server, room)) held.push(await holdingOf(server, room))
  const [first, ...others] = held
  for (const other of first ? others : []) {
    const where = `${room.roomId} on ${first!.server.name} <> ${other.server.name} at`
    const state = difference(first!.state, other.state)
    if (state !== undefined) report('state', `${where} ${state}`)
    const extremities = difference(first!.extremities, other.extremities)
    if (extremities !== undefined) report('extremities', `${where} ${extremities}`)
  }
  for (const one of held) eventsAreKnown(world, { room, held, one, report })
}

type Looking = { room: WorldRoom; held: Held[]; one: Held; report: Report }

/** What a client was told to be sent is on all servers that were in the room then and are now. */
function eventsAreKnown({ mayDiffer }: World, { room, held, one, report }: Looking): void {
  const present = new Set(held.map(({ server }) => server.name))
  for (const { eventId, by, witnesses } of room.sent) {
    if (!witnesses.has(one.server.name) || !present.has(by)) continue
    const status = one.statuses.get(eventId) ?? 'missing'
    const isRight = status === 'accepted' || (mayDiffer && status === 'soft-failed')
    if (!isRight) report('events', `${eventId} of ${by} is ${status} on ${one.server.name} in ${room.roomId}`)
  }
}

/** What each server derives of its rooms is what their events say. */
export async function roomsAreRight({ servers, rooms }: World, report: Report): Promise<void> {
  for (const { name, context } of servers)
    for (const { roomId } of rooms) {
      if (!(await context.store.rooms.rooms.find(roomId))) continue
      const changes = await checkRoom(context, roomId)
      if (changes.length > 0) report('rooms', `${roomId} on ${name}: ${JSON.stringify(changes.slice(0, 3))}`)
    }
}
