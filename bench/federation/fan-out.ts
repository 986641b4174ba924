import type { EventId, RoomId } from '#protocol/ids.ts'
import { percentiles, processFigures, processorSeconds, round } from '../support/statistics.ts'
import type { Target } from '../support/target.ts'
import type { User } from '../support/user.ts'
import type { Figures } from '../support/workload.ts'
import { loopDelay } from '../support/loop-delay.ts'
import { makeRooms, makeUsers } from '../workloads/send.ts'
import { startFarPeers, type FarPeers } from './far-peers.ts'
import { startFederated } from './federated-server.ts'
import type { FederationWorkload } from './federation-workload.ts'

const rounds = 5
const roundMs = 3000

/** Goal: 1,000 servers within 2 s, while sends to rooms of this server alone take as long as without it. */
export const fanOut: FederationWorkload = {
  summary: 'one message to --servers, and --clients that send --rate messages a second to other rooms meanwhile',
  defaults: { servers: 1000, rate: 50, clients: 4 },
  async run({ servers, rate, clients }, { database, profileTo }) {
    const far = await startFarPeers(servers)
    const server = await startFederated({ authorityFile: far.authorityFile, database, profileTo })
    try {
      const { target } = server
      const speaker = await target.newUser()
      await speaker.join(far.roomId, far.host)
      const users = await makeUsers(target, clients)
      const steady = { users, roomIds: await makeRooms(users, clients), rate }
      await settled(target)
      const loop = loopDelay(target)
      await sendSteadily(steady, 1000)
      await loop('entering')
      const alone = await sendSteadily(steady, rounds * roundMs)
      const figures: Figures = { ...percentiles(alone, 'send_alone'), ...(await loop('alone')) }
      const beside: number[] = []
      const took: number[] = []
      let usedMs = 0
      for (let number = 0; number < rounds; number++) {
        const used = processorSeconds(target.pid)
        const sending = sendSteadily(steady, roundMs)
        took.push(await sayToAll(speaker, far, servers))
        usedMs += (processorSeconds(target.pid) - used) * 1000
        beside.push(...(await sending))
      }
      return {
        ...figures,
        first_fan_out_ms: round(took[0]!),
        ...percentiles(took.slice(1), 'later_fan_out'),
        processor_ms_per_destination: round(usedMs / rounds / servers),
        ...percentiles(beside, 'send_beside'),
        ...(await loop('fan_out')),
        ...processFigures(target.pid),
      }
    } finally {
      far.stop()
      await server.stop()
    }
  },
}

/** Milliseconds until the last of the servers has the message. */
async function sayToAll(speaker: User, far: FarPeers, servers: number): Promise<number> {
  const begun = performance.timeOrigin + performance.now()
  const eventId: EventId = await speaker.send(far.roomId, 'to very many servers')
  for (let attempt = 0; attempt < 600; attempt++) {
    const arrival = await far.arrivalOf(eventId)
    if (arrival?.peers === servers) return arrival.at - begun
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('The message did not reach all servers')
}

type Steady = { users: readonly User[]; roomIds: readonly RoomId[]; rate: number }

/** So many sends a second for some time, whatever they take; answers their durations. */
async function sendSteadily({ users, roomIds, rate }: Steady, ms: number): Promise<number[]> {
  const sends: Promise<number>[] = []
  const started = performance.now()
  for (let number = 0; performance.now() - started < ms; number++) {
    const index = number % roomIds.length
    sends.push(durationOf(() => users[index]!.send(roomIds[index]!, `message ${number} beside`)))
    const next = started + ((number + 1) * 1000) / rate
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())))
  }
  return Promise.all(sends)
}

async function durationOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** Until the server has hardly anything to do any more; a profiler keeps it a little busy. */
async function settled({ pid }: Target): Promise<void> {
  for (let attempt = 0, quiet = 0; attempt < 40 && quiet < 3; attempt++) {
    const before = processorSeconds(pid)
    await new Promise((resolve) => setTimeout(resolve, 500))
    quiet = processorSeconds(pid) - before < 0.05 ? quiet + 1 : 0
  }
}
