import { actingUser, isIn, type World, type WorldRoom } from './world.ts'
import { inRoom } from './acts/act.ts'
import { text } from './acts/talk.ts'
import type { FederatedServer } from './servers.ts'

/** Longer than any pause before a server is tried again. */
const hour = 3_700_000

/** Everything is up and reachable, and long enough: what waits arrives, and a word in each room joins its branches. */
export async function makePeace(world: World): Promise<void> {
  const { shared, servers, rooms } = world
  shared.network.healAll()
  shared.weather.change(0)
  shared.weather.hideMembers(false)
  for (const server of servers) await server.start()
  await shared.weather.deliverLate()
  await shared.settle()
  for (let round = 0; round < 2; round++) {
    await shared.clock.advance(hour)
    await shared.settle()
  }
  await untilTakenIn(world)
  for (const room of rooms) await speakInTurn(world, room)
  await shared.clock.advance(hour)
  await shared.settle()
  await untilTakenIn(world)
}

/**
 * An event whose past could not be asked for is tried again later. Hours that pass at once also pass while the answer is
 * on its way, so time goes on in steps shorter than the patience for it.
 */
async function untilTakenIn({ shared, servers }: World): Promise<void> {
  const isWaiting = async () => {
    for (const { context } of servers)
      if ((await context.store.federation.stagedEvents.page(0, 1)).length > 0) return true
    return false
  }
  for (let turn = 0; turn < 200 && (await isWaiting()); turn++) {
    await shared.clock.advance(20_000)
    await shared.settle()
  }
}

/** Someone says a word where a room has branches, or is seen differently, until it is one again; not for ever. */
async function speakInTurn({ shared, servers, people }: World, room: WorldRoom): Promise<void> {
  for (let turn = 0; turn < 2 * servers.length; turn++) {
    const heads = new Map<FederatedServer, string>()
    for (const server of servers) if (await isIn(server, room)) heads.set(server, await headsOf(server, room))
    const isOne = new Set(heads.values()).size <= 1 && ![...heads.values()].some((seen) => seen.includes(' '))
    if (isOne) return
    const inRoomNow = [...heads.keys()]
    const speaker = inRoomNow[turn % inRoomNow.length]
    for (const person of people) {
      if (person.server !== speaker) continue
      const path = inRoom(room, 'send', 'm.room.message', `peace ${shared.clock.now()}`)
      const { status } = await actingUser(person).request('PUT', path, text('peace'))
      if (status === 200) break
    }
    await shared.clock.advance(1000)
    await shared.settle()
  }
}

async function headsOf({ context }: FederatedServer, { roomId }: WorldRoom): Promise<string> {
  const { forwardExtremities } = await context.rooms.get(roomId)
  return [...forwardExtremities].sort().join(' ')
}
