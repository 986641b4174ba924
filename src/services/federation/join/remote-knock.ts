import type { Context } from '#context.ts'
import type { ServerName } from '#protocol/ids.ts'
import { enterOutside } from '#services/rooms/membership/outside-membership.ts'
import type { RemoteEntry } from '#services/rooms/membership/remote-membership.ts'
import { askTemplate, sendEvent } from './ask-template.ts'
import { candidateServers } from './candidate-servers.ts'
import type { Asked } from './check-template.ts'
import { readShownState, shownHere } from './shown-state.ts'
import { tryCandidates } from './try-servers.ts'

/** Knocks on a room that only other servers are in. */
export function knockRemotely(ctx: Context, entry: RemoteEntry): Promise<void> {
  return ctx.locks.run(`remote join ${entry.roomId}`, async () => {
    const servers = await candidateServers(ctx, entry)
    await tryCandidates(ctx, servers, (server) => knockThrough(ctx, server, entry))
  })
}

async function knockThrough(ctx: Context, server: ServerName, { roomId, userId, content }: RemoteEntry): Promise<void> {
  const asked: Asked = { roomId, userId, membership: 'knock', content }
  const ready = await askTemplate(ctx, server, asked)
  const answer = await sendEvent(ctx, server, { asked, ready })
  const { version, pdu, eventId } = ready
  const shownState = readShownState(shownHere(answer.knock_room_state, { roomId, version }), pdu)
  await enterOutside(ctx, { roomId, version, pdu, eventId, shownState, servers: [server] })
}
