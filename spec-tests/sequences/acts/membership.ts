import { client, inRoom, type Act, type Chosen } from './act.ts'

const own =
  (action: string) =>
  ({ user, room }: Chosen) =>
    user.request('POST', inRoom(room, action), {})

const onto =
  (action: string) =>
  ({ user, room, target }: Chosen) =>
    user.request('POST', inRoom(room, action), { user_id: target.userId })

/** Who is gone in between must not have heard of all that happened. */
const departing =
  (run: Act['run'], isOwn: boolean): Act['run'] =>
  async (chosen) => {
    const reply = await run(chosen)
    if (reply?.status === 200) chosen.world.noteDeparture(isOwn ? chosen.person : chosen.target, chosen.room)
    return reply
  }

export const membershipActs = {
  join: {
    weight: 12,
    run: async (chosen) => {
      const reply = await own('join')(chosen)
      if (reply.status === 200) chosen.world.noteJoin(chosen.person, chosen.room)
      return reply
    },
  },
  knock: {
    weight: 2,
    run: ({ user, room }) => user.request('POST', `${client}/knock/${encodeURIComponent(room.roomId)}`, {}),
  },
  leave: { weight: 5, run: departing(own('leave'), true) },
  forget: { weight: 2, run: own('forget') },
  invite: { weight: 6, run: onto('invite') },
  kick: { weight: 2, run: departing(onto('kick'), false) },
  ban: { weight: 2, run: departing(onto('ban'), false) },
  unban: { weight: 2, run: onto('unban') },
} satisfies Record<string, Act>
