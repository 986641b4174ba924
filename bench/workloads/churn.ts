import { churnPlan, type Happening } from '../support/churn-plan.ts'
import { diskFigures } from '../support/disk.ts'
import { loopDelay } from '../support/loop-delay.ts'
import { inParallel, processFigures, round } from '../support/statistics.ts'
import type { User } from '../support/user.ts'
import type { Workload } from '../support/workload.ts'
import { makeUsers } from './send.ts'
import type { RoomId } from '#protocol/ids.ts'

const seed = 20_261_123

/** The same people doing the same things on every server, then what the disk holds of it. */
export const churn: Workload = {
  summary: '--days of joins, leaves, new names and messages of --members in --rooms, then what they take on disk',
  defaults: { rooms: 200, members: 300, days: 30, clients: 8 },
  async run(target, { rooms, members, days, clients }) {
    const users = await makeUsers(target, members)
    const plan = churnPlan({ seed, rooms, members, days })
    const roomIds: RoomId[] = []
    await inParallel(plan.owners, clients, async (owner, room) => {
      roomIds[room] = await (users[owner] as User).createRoom({ name: `Room ${room}` })
    })
    const loop = loopDelay(target)
    await loop('start')
    const started = performance.now()
    for (const { rooms: happenings, renames } of plan.days) {
      await inParallel(happenings, clients, (ofRoom, room) => live(users, roomIds[room] as RoomId, ofRoom))
      await inParallel(renames, clients, ({ user, name }) => (users[user] as User).rename(name))
    }
    const seconds = (performance.now() - started) / 1000
    return {
      seconds: round(seconds),
      ...(await loop('churn')),
      ...processFigures(target.pid),
      ...(target.database === undefined ? {} : await diskFigures(target.database)),
    }
  },
}

async function live(users: readonly User[], roomId: RoomId, happenings: readonly Happening[]): Promise<void> {
  for (const { kind, user: number, text = '' } of happenings) {
    const user = users[number] as User
    if (kind === 'join') await user.join(roomId)
    else if (kind === 'leave') await user.leave(roomId)
    else await user.send(roomId, text)
  }
}
