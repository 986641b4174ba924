import { inParallel, percentiles, processFigures, processorSeconds, round } from '../support/statistics.ts'
import type { Target } from '../support/target.ts'
import type { User } from '../support/user.ts'
import type { Workload } from '../support/workload.ts'
import type { RoomId } from '#protocol/ids.ts'

/** Durable sends: clients that send one message after another, spread over rooms. */
export const send: Workload = {
  summary: 'durable sends: --clients send over --rooms for --seconds',
  defaults: { clients: 64, rooms: 100, seconds: 10 },
  async run(target, { clients, rooms, seconds }) {
    const users = await makeUsers(target, clients)
    const roomIds = await makeRooms(users, rooms)
    await sendFor(users, roomIds, Math.min(2, seconds))
    const before = processorSeconds(target.pid)
    const durations = await sendFor(users, roomIds, seconds)
    return {
      sends_per_s: round(durations.length / seconds),
      processor_us_per_send: round(((processorSeconds(target.pid) - before) * 1e6) / durations.length),
      ...percentiles(durations, 'send'),
      ...processFigures(target.pid),
    }
  },
}

export async function makeUsers(target: Target, count: number): Promise<User[]> {
  const users: User[] = []
  await inParallel(Array.from({ length: count }), 8, async () => void users.push(await target.newUser()))
  return users
}

/** Rooms of which every user is a member of a few, each room has at least two. */
export async function makeRooms(users: readonly User[], count: number): Promise<RoomId[]> {
  const roomIds: RoomId[] = []
  await inParallel(Array.from({ length: count }), 8, async (_, index) => {
    const [owner, guest] = membersOf(users, index)
    const roomId = await owner.createRoom()
    if (guest !== owner) await guest.join(roomId)
    roomIds[index] = roomId
  })
  return roomIds
}

const membersOf = (users: readonly User[], room: number): [User, User] => [
  users[room % users.length] as User,
  users[(room + 1) % users.length] as User,
]

/** Each user sends one message after another to their rooms; answers their durations in milliseconds. */
export async function sendFor(users: readonly User[], roomIds: readonly RoomId[], seconds: number): Promise<number[]> {
  const durations: number[] = []
  const end = performance.now() + seconds * 1000
  const roomsOf = users.map((user) => roomIds.filter((_, index) => membersOf(users, index).includes(user)))
  await Promise.all(
    users.map(async (user, index) => {
      const mine = roomsOf[index] ?? []
      for (let turn = 0; mine.length > 0 && performance.now() < end; turn++) {
        const started = performance.now()
        await user.send(mine[turn % mine.length] as RoomId, `message ${turn} of a conversation that goes on`)
        durations.push(performance.now() - started)
      }
    }),
  )
  return durations
}
