import { setImmediate as nextTurn } from 'node:timers/promises'
import { evictAll } from '../support/server/evict-all.ts'
import type { EventKind, Step } from './plan.ts'
import { actingUser, type World } from './world.ts'

const waits = [1000, 5000, 20_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000]

/** A server ends soon after one of its people has joined a room, or tried to: before all of its members are there. */
async function joinAndCrash({ people, rooms }: World, { who, room, choice }: Step): Promise<void> {
  const person = people[who % people.length]!
  if (!person.server.isRunning) return
  const user = actingUser(person)
  const path = `/_matrix/client/v3/join/${encodeURIComponent(rooms[room % rooms.length]!.roomId)}`
  await user.request('POST', path, {}).catch(() => {})
  for (let turn = 0; turn < choice * 25; turn++) await nextTurn()
  await person.server.crash()
}

/** Something happens to a server, to the network, or to time. */
export async function happen(world: World, step: Step & { kind: EventKind }): Promise<void> {
  const { shared, servers, rooms } = world
  const { network, weather, clock } = shared
  const one = servers[step.who % servers.length]!
  const other = servers[step.target % servers.length]!
  switch (step.kind) {
    case 'cut':
      return network.cut(one.name, other.name)
    case 'heal':
      return network.heal(one.name, other.name)
    case 'isolate':
      for (const { name } of servers) network.cut(one.name, name)
      return
    case 'healAll':
      return network.healAll()
    case 'weather':
      return weather.change(step.choice)
    case 'deliverLate':
      return weather.deliverLate()
    case 'wait':
      return clock.advance(waits[step.choice % waits.length]!)
    case 'restart':
      await one.stop()
      return one.start()
    case 'crash':
      return one.crash()
    case 'stop':
      return one.stop()
    case 'start':
      for (const server of servers) await server.start()
      return
    case 'evict':
      if (one.isRunning) await evictAll(one.context, rooms.map(({ roomId }) => roomId)) // prettier-ignore
      return
    case 'hideMembers':
      return weather.hideMembers(step.choice % 3 > 0)
    case 'joinAndCrash':
      return joinAndCrash(world, step)
    case 'rush':
  }
}
