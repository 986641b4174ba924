import { percentiles, processFigures } from '../support/statistics.ts'
import type { User } from '../support/user.ts'
import type { Workload } from '../support/workload.ts'
import { makeUsers } from './send.ts'
import type { RoomId } from '#protocol/ids.ts'

/** From the request of one client to the answer of another's waiting sync, beside a steady load. */
export const sendToSync: Workload = {
  summary: 'latency from a send to another client’s sync, beside --rate messages a second, for --seconds',
  defaults: { clients: 10, seconds: 10, rate: 50 },
  async run(target, { clients, seconds, rate }) {
    const [sender, reader, ...others] = (await makeUsers(target, clients + 2)) as [User, User, ...User[]]
    const roomId = await sender.createRoom()
    await reader.join(roomId)
    const background = await Promise.all(others.map((user) => user.createRoom()))
    const stop = new AbortController()
    const load = beat(rate, stop.signal, (turn) =>
      others[turn % others.length]?.send(background[turn % others.length] as RoomId, 'noise'),
    )
    const durations = await measure(sender, reader, { roomId, seconds })
    stop.abort()
    await load
    return { ...percentiles(durations, 'send_to_sync'), samples: durations.length, ...processFigures(target.pid) }
  },
}

async function measure(
  sender: User,
  reader: User,
  { roomId, seconds }: { roomId: RoomId; seconds: number },
): Promise<number[]> {
  const durations: number[] = []
  let { body } = await reader.sync({ timeout: '0' })
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    const waiting = reader.sync({ since: body['next_batch'] as string, timeout: '10000' })
    await new Promise((resolve) => setTimeout(resolve, 20))
    const started = performance.now()
    await Promise.all([sender.send(roomId, 'now'), waiting.then(() => durations.push(performance.now() - started))])
    body = (await waiting).body
  }
  return durations
}

/** Calls at a steady rate until stopped; waits for calls in progress. */
async function beat(
  rate: number,
  signal: AbortSignal,
  work: (turn: number) => Promise<unknown> | undefined,
): Promise<void> {
  const underWay = new Set<Promise<unknown>>()
  for (let turn = 0; !signal.aborted; turn++) {
    const call = Promise.resolve(work(turn)).finally(() => underWay.delete(call))
    underWay.add(call)
    await new Promise((resolve) => setTimeout(resolve, 1000 / rate))
  }
  await Promise.all(underWay)
}
