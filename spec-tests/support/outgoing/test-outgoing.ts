import { loadConfig } from '#base/config/load.ts'
import type { Outgoing } from '#base/outgoing.ts'
import { createOutgoing } from '#http/out/client.ts'
import { fakeClock, type FakeClock } from '../server/clock.ts'
import { fakeNetwork, type FakeNetwork } from './fake-network.ts'

export type TestOutgoing = AsyncDisposable & { outgoing: Outgoing; network: FakeNetwork; clock: FakeClock }

/** The client on a network of the test's own. */
export function testOutgoing({
  allowed = [] as readonly string[],
  authorities = [] as readonly string[],
  network = fakeNetwork(),
} = {}): TestOutgoing {
  const clock = fakeClock()
  const config = loadConfig({ settings: { outgoing: { allowed_networks: allowed } } })
  const outgoing = createOutgoing({ config, clock, network, authorities, metrics: { countOutgoing: () => {} } })
  return { outgoing, network, clock, [Symbol.asyncDispose]: () => outgoing.close() }
}
