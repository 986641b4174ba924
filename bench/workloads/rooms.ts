import { inParallel, percentiles, processFigures, round } from '../support/statistics.ts'
import type { User } from '../support/user.ts'
import type { Workload } from '../support/workload.ts'
import { makeUsers } from './send.ts'

/** Rooms made one after another by several clients. */
export const createRooms: Workload = {
  summary: 'rooms created a second by --clients, --rooms in all',
  defaults: { clients: 8, rooms: 500 },
  async run(target, { clients, rooms }) {
    const users = await makeUsers(target, clients)
    const durations: number[] = []
    const started = performance.now()
    await inParallel(Array.from({ length: rooms }), clients, async (_, index) => {
      const before = performance.now()
      await (users[index % clients] as User).createRoom({ name: `Room ${index}` })
      durations.push(performance.now() - before)
    })
    const seconds = (performance.now() - started) / 1000
    return { rooms_per_s: round(rooms / seconds), ...percentiles(durations, 'create'), ...processFigures(target.pid) }
  },
}

/** Joins of one public room, until it has many members; the last ones are the figure. */
export const joinRoom: Workload = {
  summary: 'joins of one public room up to --members members; the last hundred are timed one by one',
  defaults: { members: 2000, clients: 16 },
  async run(target, { members, clients }) {
    const users = (await makeUsers(target, members)) as [User, ...User[]]
    const roomId = await users[0].createRoom()
    const started = performance.now()
    await inParallel(users.slice(1, -100), clients, (user) => user.join(roomId))
    const seconds = (performance.now() - started) / 1000
    const durations: number[] = []
    for (const user of users.slice(-100)) {
      const before = performance.now()
      await user.join(roomId)
      durations.push(performance.now() - before)
    }
    return {
      joins_per_s: round((members - 101) / seconds),
      ...percentiles(durations, 'join'),
      ...processFigures(target.pid),
    }
  },
}
