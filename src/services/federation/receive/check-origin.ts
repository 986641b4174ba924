import { readServerAcl } from '#protocol/rooms/server-acl.ts'
import type { ServerName } from '#protocol/ids.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { ReceiveNeeds } from './ports.ts'

/** Whether the room lets the server take part. https://spec.matrix.org/v1.19/server-server-api/#server-access-control-lists-acls */
export async function isOriginAllowed(
  ctx: Pick<ReceiveNeeds, 'store'>,
  room: LiveRoom,
  origin: ServerName,
): Promise<boolean> {
  await loadStateEntries(ctx, room, [['m.room.server_acl', '']])
  return readServerAcl(room.entry('m.room.server_acl', '')?.pdu?.content)(origin)
}
