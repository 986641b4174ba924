import { inParallel, percentiles, processFigures, round } from '../support/statistics.ts'
import type { User } from '../support/user.ts'
import type { Workload } from '../support/workload.ts'
import { makeUsers } from './send.ts'

const filter = JSON.stringify({ room: { timeline: { limit: 20 }, state: { lazy_load_members: true } } })
const messages = 25
const repeats = 7

/** The first sync of a user in many rooms, members loaded lazily. */
export const initialSync: Workload = {
  summary: 'first sync of a user in --rooms rooms of --members members, members loaded lazily, timeline 20',
  defaults: { rooms: 300, members: 300 },
  async run(target, { rooms, members }) {
    const [reader, ...users] = (await makeUsers(target, members)) as [User, ...User[]]
    await inParallel(Array.from({ length: rooms }), 8, async (_, index) => fillRoom([reader, ...users], index))
    const durations: number[] = []
    let bytes = 0
    for (let turn = 0; turn < repeats; turn++) {
      const started = performance.now()
      bytes = (await reader.sync({ timeout: '0', filter })).bytes
      durations.push(performance.now() - started)
    }
    const [first, ...again] = durations
    return {
      first_ms: round(first ?? 0),
      ...percentiles(again, 'again'),
      answer_mb: round(bytes / 1e6),
      ...processFigures(target.pid),
    }
  },
}

async function fillRoom(users: readonly User[], index: number): Promise<void> {
  const owner = users[index % users.length] as User
  const roomId = await owner.createRoom({ name: `Room ${index}` })
  await inParallel(users.filter((user) => user !== owner), 8, (user) => user.join(roomId)) // prettier-ignore
  for (let turn = 0; turn < messages; turn++)
    await (users[(index + turn) % users.length] as User).send(roomId, `message ${turn}`)
}
