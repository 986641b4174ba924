import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import { isValidServerName, type ServerName } from '#protocol/ids.ts'
import { checkFormat } from '#services/federation/receive/check-event.ts'
import { importSendJoin, type SendJoinAnswer } from '#services/federation/receive/import-send-join.ts'
import type { ReceiveResult } from '#services/federation/receive/ports.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import type { RemoteEntry } from '#services/rooms/membership/remote-membership.ts'
import { askTemplate, sendEvent, type Ready } from './ask-template.ts'
import { candidateServers } from './candidate-servers.ts'
import type { Asked } from './check-template.ts'
import { startCompletion } from './complete-room.ts'
import { tryCandidates } from './try-servers.ts'

/** So many servers of a room are remembered until its members are here. */
const maxServers = 10_000

/** Joins a room through servers that are in it; one join of a room at a time. */
export function joinRemotely(ctx: Context, entry: RemoteEntry): Promise<void> {
  const { roomId, userId } = entry
  return ctx.locks.run(`remote join ${roomId}`, async () => {
    // Another user of ours may have brought the room here meanwhile, and this one may be in it.
    const membership = (await ctx.rooms.find(roomId))?.members.get(userId)
    if (membership === 'join') return
    const isBanned = membership === 'ban'
    const servers = await candidateServers(ctx, entry)
    await tryCandidates(ctx, servers, (server) => joinThrough(ctx, server, entry)).catch((error: unknown) => {
      // Servers that let them in all the same may not know of the ban, or not care.
      throw isBanned ? forbidden('The user is banned from the room') : error
    })
    const room = await ctx.rooms.find(roomId)
    if (room?.nid !== undefined) await ctx.store.rooms.outside.deleteReplaced(room.nid)
  })
}

async function joinThrough(ctx: Context, server: ServerName, { roomId, userId, content }: RemoteEntry): Promise<void> {
  const asked: Asked = { roomId, userId, membership: 'join', content }
  const ready = await askTemplate(ctx, server, asked)
  const answer = await sendEvent(ctx, server, { asked, ready })
  const { outcome, reason } = await enter(ctx, server, { asked, ready, answer })
  if (outcome !== 'accepted')
    throw new RemoteError(server, `Its answer to the join does not hold: ${reason ?? outcome}`)
}

type Answered = { asked: Asked; ready: Ready; answer: JsonObject }

/** Into a room that we are in already only the event is taken, unless what came before it cannot be had. */
async function enter(ctx: Context, server: ServerName, given: Answered): Promise<ReceiveResult> {
  const { asked, ready, answer } = given
  const { roomId } = asked
  const event = signedBack(given)
  const room = await ctx.rooms.find(roomId)
  if (room && room.localUsers.size > 0) {
    const result = await receiveEvent(receiveNeeds(ctx), { origin: server, roomId, pdu: event })
    if (result.outcome !== 'unresolved') return result
  }
  const { state, auth_chain: authChain, members_omitted: isPartial } = answer
  const servers = isPartial === true ? serversOf(ctx, server, answer) : undefined
  if (!Array.isArray(state) || !Array.isArray(authChain)) throw new RemoteError(server, 'Its answer lacks the state')
  const answered: SendJoinAnswer = { roomId, version: ready.version, event, state, authChain, servers }
  const result = await importSendJoin(receiveNeeds(ctx), answered)
  // Also of a former join.
  startCompletion(ctx)
  return result
}

/** The servers that the answer names, that which gave it first. */
function serversOf({ config }: Pick<Context, 'config'>, server: ServerName, answer: JsonObject): ServerName[] {
  // We did not ask for it, and do not take it.
  if (!config.federation.partial_joins) throw new RemoteError(server, 'Its answer lacks members')
  const { servers_in_room: named } = answer
  if (!Array.isArray(named)) throw new RemoteError(server, 'Its answer lacks the servers in the room')
  const valid = named.slice(0, maxServers).filter((one) => typeof one === 'string' && isValidServerName(one))
  return [...new Set([server, ...(valid as ServerName[])])].filter((one) => one !== config.server_name)
}

/** Our event with the signatures that were added to it, or as we made it where another came back. */
function signedBack({ asked: { roomId }, ready, answer }: Answered): JsonValue {
  const own = ready.pdu as unknown as JsonValue
  const returned = isObject(answer.event) ? checkFormat(answer.event, { roomId, version: ready.version }) : undefined
  if (!returned || 'violation' in returned || returned.eventId !== ready.eventId) return own
  // What does not follow from the id is ours to say.
  return { ...ready.pdu, signatures: returned.pdu.signatures } as unknown as JsonValue
}
