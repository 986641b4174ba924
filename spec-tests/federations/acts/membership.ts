import { client, inRoom, type Act, type Chosen } from './act.ts'

const onto =
  (action: string) =>
  ({ user, room, target }: Chosen) =>
    user.request('POST', inRoom(room, action), { user_id: target.userId })

/** By any server, in the room or not. */
const through = ({ room, target, choice, world }: Chosen, action: string): string => {
  const other = world.servers[choice % world.servers.length]!.name
  const query = new URLSearchParams([target.server.name, other].map((name): [string, string] => ['server_name', name]))
  return `${client}/${action}/${encodeURIComponent(room.roomId)}?${query.toString()}`
}

/** What others do meanwhile may not be allowed any more. */
const restricting =
  (run: Act['run']): Act['run'] =>
  async (chosen) => {
    const reply = await run(chosen)
    if (reply?.status === 200) chosen.world.mayDiffer = true
    return reply
  }

export const membershipActs = {
  join: {
    weight: 12,
    isRemote: true,
    run: (chosen) => chosen.user.request('POST', through(chosen, 'join'), {}),
  },
  knock: {
    weight: 2,
    isRemote: true,
    run: (chosen) => chosen.user.request('POST', through(chosen, 'knock'), {}),
  },
  leave: {
    weight: 4,
    isRemote: true,
    run: restricting(({ user, room }) => user.request('POST', inRoom(room, 'leave'), {})),
  },
  invite: { weight: 6, isRemote: true, run: onto('invite') },
  kick: { weight: 2, run: restricting(onto('kick')) },
  ban: { weight: 2, run: restricting(onto('ban')) },
  unban: { weight: 2, run: restricting(onto('unban')) },
} satisfies Record<string, Act>
