import { evictAll } from '../support/server/evict-all.ts'
import type { EventKind, Step } from './plan.ts'
import type { World } from './world.ts'

const waits = [1000, 5000, 20_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000]

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
    case 'rush':
  }
}
