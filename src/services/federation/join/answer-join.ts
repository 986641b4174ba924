import type { Context } from '#context.ts'
import type { EventId } from '#protocol/ids.ts'
import { storedPduText } from '#services/rooms/events/stored-pdu.ts'
import { joinedState, type JoinedState } from './joined-state.ts'
import { takeMembership, type SentMembership } from './take-membership.ts'

type SentJoin = Omit<SentMembership, 'membership'> & { omitMembers: boolean }

/** So many events are in memory at once, however large the room is. */
const sliceSize = 200

/** Takes in a join of another server's user; answers the JSON of the reply in pieces. */
export async function answerJoin(ctx: Context, { omitMembers, ...sent }: SentJoin): Promise<AsyncIterable<string>> {
  const { pdu, eventId } = await takeMembership(ctx, { ...sent, membership: 'join' })
  const joined = { roomId: sent.roomId, eventId, userId: pdu.sender, omitMembers }
  const state = await joinedState(ctx, joined)
  return piecesOf(ctx, JSON.stringify(pdu), state)
}

async function* piecesOf(ctx: Context, event: string, joined: JoinedState): AsyncGenerator<string> {
  const { room, state, authChain, servers } = joined
  const omitted = servers
    ? `"members_omitted":true,"servers_in_room":${JSON.stringify(servers)}`
    : '"members_omitted":false'
  yield `{"origin":${JSON.stringify(ctx.config.server_name)},${omitted},"event":${event},"state":[`
  yield* textsOf(ctx, room, state)
  yield '],"auth_chain":['
  yield* textsOf(ctx, room, authChain)
  yield ']}'
}

async function* textsOf(
  { store }: Pick<Context, 'store'>,
  room: JoinedState['room'],
  ids: readonly EventId[],
): AsyncGenerator<string> {
  for (let start = 0; start < ids.length; start += sliceSize) {
    const found = await store.rooms.events.findMany(ids.slice(start, start + sliceSize))
    const text = found.map((event) => storedPduText(event, room)).join(',')
    yield start === 0 ? text : `,${text}`
  }
}
