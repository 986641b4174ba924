import type { TestReply } from '../../support/server/client.ts'
import { inRoom, type Act, type Chosen } from './act.ts'
import { noteSent } from './talk.ts'

async function put(chosen: Chosen, [type, key]: [string, string], content: object): Promise<TestReply> {
  const { user, room } = chosen
  return noteSent(chosen, await user.request('PUT', inRoom(room, 'state', type, key), content))
}

const setting =
  (type: string, content: (chosen: Chosen) => object): Act['run'] =>
  (chosen) =>
    put(chosen, [type, ''], content(chosen))

/** Raises the target, or puts them back, or makes it harder to say anything. */
async function changeLevels(chosen: Chosen): Promise<TestReply> {
  const { user, room, target, choice, world } = chosen
  const now = await user.request('GET', inRoom(room, 'state', 'm.room.power_levels', ''))
  if (now.status !== 200) return now
  const level = [50, 0, 100, 50, 0, 50, 25, 0][choice % 8]!
  const users = { ...now.body.users, [target.userId]: level }
  const isStricter = choice === 7
  const reply = await put(chosen, ['m.room.power_levels', ''], {
    ...now.body,
    users,
    events_default: isStricter ? 50 : 0,
  })
  if (reply.status === 200) world.mayDiffer = true
  return reply
}

export const roomStateActs = {
  name: { weight: 3, run: setting('m.room.name', ({ choice }) => ({ name: `name ${choice}` })) },
  topic: { weight: 2, run: setting('m.room.topic', ({ world }) => ({ topic: `topic ${world.nextNumber()}` })) },
  visibility: {
    weight: 2,
    run: setting('m.room.history_visibility', ({ choice }) => ({
      history_visibility: ['shared', 'joined', 'invited', 'world_readable'][choice % 4],
    })),
  },
  joinRule: {
    weight: 2,
    run: setting('m.room.join_rules', ({ choice }) => ({ join_rule: choice % 3 === 2 ? 'invite' : 'public' })),
  },
  powerLevels: { weight: 4, run: changeLevels },
  customState: {
    weight: 5,
    run: (chosen) => put(chosen, ['x.state', `key ${chosen.choice % 3}`], { value: chosen.world.nextNumber() }),
  },
} satisfies Record<string, Act>
