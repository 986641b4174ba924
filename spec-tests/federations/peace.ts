import { actingUser, isIn, type World, type WorldRoom } from './world.ts'
import { inRoom } from './acts/act.ts'
import { text } from './acts/talk.ts'

/** Longer than any pause before a server is tried again. */
const hour = 3_700_000

/** Everything is up and reachable, and long enough: what waits arrives, and a word in each room joins its branches. */
export async function makePeace(world: World): Promise<void> {
  const { shared, servers, rooms } = world
  shared.network.healAll()
  shared.weather.change(0)
  for (const server of servers) await server.start()
  await shared.weather.deliverLate()
  await shared.settle()
  for (let round = 0; round < 2; round++) {
    await shared.clock.advance(hour)
    await shared.settle()
  }
  for (const room of rooms) await speakInTurn(world, room)
  await shared.clock.advance(hour)
  await shared.settle()
}

/** Someone of each server says something, and the creator once more at last. */
async function speakInTurn({ shared, servers, people }: World, room: WorldRoom): Promise<void> {
  const last = room.creator.server
  for (const server of [...servers, last]) {
    if (!(await isIn(server, room))) continue
    for (const person of people) {
      if (person.server !== server) continue
      const path = inRoom(room, 'send', 'm.room.message', `peace ${shared.clock.now()}`)
      const { status } = await actingUser(person).request('PUT', path, text('peace'))
      if (status === 200) break
    }
    await shared.clock.advance(1000)
    await shared.settle()
  }
}
