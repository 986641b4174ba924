import type { RoomId } from '#protocol/ids.ts'
import { startFreshServer } from '../support/fresh-server.ts'
import type { StoredData } from '../support/own-server.ts'
import { inParallel } from '../support/statistics.ts'
import type { User } from '../support/user.ts'
import { makeUsers } from '../workloads/send.ts'

/** So many rooms are filled at once: their events share commits. */
const roomsAtOnce = 32

export type FilledRooms = {
  data: StoredData
  /** One for each size, in as many rooms. */
  readers: readonly User[]
  /** The owner of a room is the first of its people, counted from its number. */
  people: readonly User[]
  roomIds: readonly RoomId[]
  drop(): Promise<void>
}

type Filling = {
  sizes: readonly number[]
  members: number
  messages: number
  database?: string | undefined
  checkout?: string | undefined
}

/** Fills rooms through the public API, once for all servers that begin with a copy of them. */
export async function fillRooms({ sizes, members, messages, ...options }: Filling): Promise<FilledRooms> {
  const server = await startFreshServer(options)
  const readers = await makeUsers(server.target, sizes.length)
  const people = await makeUsers(server.target, Math.max(members, 8))
  const roomIds: RoomId[] = []
  const numbers = Array.from({ length: Math.max(...sizes) }, (_, number) => number)
  await inParallel(numbers, roomsAtOnce, async (number) => {
    const inside = Array.from({ length: members - 1 }, (_, turn) => people[(number + turn) % people.length] as User)
    const [owner, ...guests] = inside as [User, ...User[]]
    const roomId = await owner.createRoom({ name: `Room ${number}` })
    const joining = [...guests, ...readers.filter((_, index) => number < (sizes[index] ?? 0))]
    for (const guest of joining) await guest.join(roomId)
    for (let turn = 0; turn < messages; turn++)
      await (inside[turn % inside.length] as User).send(roomId, `message ${turn} of a conversation`)
    roomIds[number] = roomId
  })
  await server.end()
  return { data: server.data, readers, people, roomIds, drop: () => server.stop() }
}
