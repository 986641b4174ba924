import { setTimeout as sleep } from 'node:timers/promises'
import type { RoomId } from '#protocol/ids.ts'
import type { Target } from '../support/target.ts'
import type { User } from '../support/user.ts'
import { makeUsers } from '../workloads/send.ts'

const people = 20
const perRoom = 4
const pauseMs = 400
/** A request that has no answer by then counts as one that took so long. */
const patienceMs = 20_000

export type Ordinary = {
  /** Latencies in milliseconds since it was last asked. */
  take(): number[]
  stop(): Promise<void>
}

/** Users who send and sync, as people do. */
export async function ordinaryUsers(target: Target): Promise<Ordinary> {
  const users = await makeUsers(target, people)
  const roomIds: RoomId[] = []
  for (let first = 0; first < people; first += perRoom) {
    const roomId = await users[first]!.createRoom()
    for (const user of users.slice(first + 1, first + perRoom)) await user.join(roomId)
    roomIds.push(roomId)
  }
  let latencies: number[] = []
  const stop = new AbortController()
  const timed = async <T>(work: Promise<T>): Promise<T | undefined> => {
    const started = performance.now()
    const answer = await Promise.race([work.catch(() => undefined), sleep(patienceMs, undefined, { ref: false })])
    latencies.push(answer === undefined ? patienceMs : performance.now() - started)
    return answer
  }
  const live = async (user: User, index: number) => {
    const roomId = roomIds[Math.floor(index / perRoom)]!
    let since = String((await user.sync({ timeout: '0' })).body['next_batch'])
    await sleep((pauseMs * index) / people)
    while (!stop.signal.aborted) {
      await timed(user.send(roomId, 'as every day'))
      const synced = await timed(user.sync({ timeout: '0', since }))
      since = synced ? String(synced.body['next_batch']) : since
      await sleep(pauseMs)
    }
  }
  const living = users.map(live)
  return {
    take() {
      const taken = latencies
      latencies = []
      return taken
    },
    async stop() {
      stop.abort()
      await Promise.race([Promise.allSettled(living), sleep(patienceMs)])
    },
  }
}
