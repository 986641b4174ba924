import { loopDelay } from '../support/loop-delay.ts'
import { inParallel, percentiles, processFigures, round } from '../support/statistics.ts'
import type { Answer } from '../support/http-client.ts'
import type { User } from '../support/user.ts'
import type { Figures, Workload } from '../support/workload.ts'
import { makeUsers } from './send.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'

const lazy = JSON.stringify({ room: { timeline: { limit: 20 }, state: { lazy_load_members: true } } })
const timed = 100
const reads = 7

/** One public room with very many members: what its size costs those who enter, speak and read. */
export const bigRoom: Workload = {
  summary: 'a public room of --members: further joins, sends, first syncs, and its state at an old position',
  defaults: { members: 20_000, clients: 16 },
  async run(target, { members, clients }) {
    const [owner, gone, late, ...users] = (await makeUsers(target, members + timed + 2)) as [
      User,
      User,
      User,
      ...User[],
    ]
    const roomId = await owner.createRoom()
    const [crowd, joining] = [users.slice(0, -timed), users.slice(-timed)]
    const loop = loopDelay(target)
    await loop('registering')
    const figures: Figures = { joins_per_s: await fill(roomId, [gone, ...crowd], clients) }
    Object.assign(figures, await loop('filling'))
    const past = await makePast({ roomId, owner, gone })
    await inParallel(crowd.slice(0, members / 10), clients, (user) => user.leave(roomId))
    Object.assign(figures, await timeEach('join', joining, (user) => user.join(roomId)))
    Object.assign(figures, await timeEach('send', joining, (user) => user.send(roomId, 'to very many')))
    const firstSync = () => late.sync({ timeout: '0', filter: lazy })
    await late.join(roomId)
    Object.assign(figures, await timeEach('first_sync', Array.from({ length: reads }), firstSync))
    Object.assign(figures, await loop('writing'))
    for (const [name, read] of Object.entries(readings({ roomId, owner, gone, past })))
      Object.assign(figures, await timeEach(name, Array.from({ length: reads }), read))
    return { ...figures, ...(await loop('reading')), ...processFigures(target.pid) }
  },
}

type Past = { token: string; eventId: EventId }

async function fill(roomId: RoomId, users: readonly User[], clients: number): Promise<number> {
  const started = performance.now()
  await inParallel(users, clients, (user) => user.join(roomId))
  return round(users.length / ((performance.now() - started) / 1000))
}

/** A moment of the room to look back at: somebody leaves, and something is said. Many leave after it. */
async function makePast({ roomId, owner, gone }: { roomId: RoomId; owner: User; gone: User }): Promise<Past> {
  await gone.leave(roomId)
  const eventId = await owner.send(roomId, 'remember this')
  const { body } = await owner.sync({ timeout: '0', filter: lazy })
  const rooms = body['rooms'] as { join: Record<string, { timeline: { prev_batch: string } }> }
  return { eventId, token: rooms.join[roomId]?.timeline.prev_batch ?? '' }
}

type Look = { roomId: RoomId; owner: User; gone: User; past: Past }

/** Who left sees the state of then; the others name a moment. */
const readings = ({ roomId, owner, gone, past }: Look): Record<string, () => Promise<Answer>> => ({
  old_state: () => gone.read(roomId, 'state'),
  old_members: () => owner.read(roomId, `members?at=${encodeURIComponent(past.token)}`),
  old_context: () => owner.read(roomId, `context/${encodeURIComponent(past.eventId)}?limit=10`),
  state: () => owner.read(roomId, 'state'),
  members: () => owner.read(roomId, 'members'),
  joined_members: () => owner.read(roomId, 'joined_members'),
})

async function timeEach<T>(name: string, items: readonly T[], work: (item: T) => Promise<unknown>): Promise<Figures> {
  const durations: number[] = []
  for (const item of items) {
    const started = performance.now()
    await work(item)
    durations.push(performance.now() - started)
  }
  return percentiles(durations, name)
}
