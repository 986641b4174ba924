import type { ServerName } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import type { Store } from '#store/open.ts'
import type { ServerAcls } from './server-acls.ts'

/** Whether the room's ACL lets the server take part. https://spec.matrix.org/v1.19/server-server-api/#server-access-control-lists-acls */
export async function mayTakePart(
  ctx: { store: Store; serverAcls: ServerAcls },
  room: LiveRoom,
  server: ServerName,
): Promise<boolean> {
  await loadStateEntries(ctx, room, [['m.room.server_acl', '']])
  const acl = room.entry('m.room.server_acl', '')?.pdu
  return acl === undefined || ctx.serverAcls.of(acl)(server)
}
