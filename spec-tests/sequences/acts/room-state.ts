import type { TestReply } from '../../support/server/client.ts'
import { visibilities } from '../setting.ts'
import { inRoom, type Act, type Chosen } from './act.ts'

async function put({ user, room }: Chosen, [type, key]: [string, string], content: object): Promise<TestReply> {
  const reply = await user.request('PUT', inRoom(room, 'state', type, key), content)
  if (reply.status === 200) room.events.push(reply.body.event_id)
  return reply
}

const setting =
  (type: string, content: (chosen: Chosen) => object): Act['run'] =>
  (chosen) =>
    put(chosen, [type, ''], content(chosen))

/** Raises the target to moderator, or puts them back. */
async function changeLevels(chosen: Chosen): Promise<TestReply> {
  const { user, room, target, choice } = chosen
  const now = await user.request('GET', inRoom(room, 'state', 'm.room.power_levels', ''))
  if (now.status !== 200) return now
  const users = { ...now.body.users, [target.userId]: choice < 4 ? 50 : 0 }
  return put(chosen, ['m.room.power_levels', ''], { ...now.body, users })
}

export const roomStateActs = {
  name: { weight: 3, run: setting('m.room.name', ({ choice }) => ({ name: `name ${choice}` })) },
  topic: { weight: 2, run: setting('m.room.topic', ({ choice }) => ({ topic: `topic ${choice}` })) },
  visibility: {
    weight: 4,
    run: setting('m.room.history_visibility', ({ choice }) => ({ history_visibility: visibilities[choice % 4] })),
  },
  joinRule: {
    weight: 2,
    run: setting('m.room.join_rules', ({ choice }) => ({ join_rule: ['public', 'invite', 'knock'][choice % 3] })),
  },
  encrypt: { weight: 1, run: setting('m.room.encryption', () => ({ algorithm: 'm.megolm.v1.aes-sha2' })) },
  powerLevels: { weight: 3, run: changeLevels },
  customState: {
    weight: 3,
    run: (chosen) => put(chosen, ['x.state', `key ${chosen.choice % 3}`], { value: chosen.choice }),
  },
} satisfies Record<string, Act>
