import { readServerAcl } from '#protocol/rooms/server-acl.ts'
import type { ServerName } from '#protocol/ids.ts'
import { loadHolders } from '#services/rooms/live/load-holders.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'
import type { ReceiveNeeds } from './ports.ts'

/** Whether the room lets the server take part. https://spec.matrix.org/v1.19/server-server-api/#server-access-control-lists-acls */
export async function isOriginAllowed(
  ctx: Pick<ReceiveNeeds, 'store'>,
  line: RoomLine,
  origin: ServerName,
): Promise<boolean> {
  await loadHolders(ctx, line, [['m.room.server_acl', '']])
  return readServerAcl(line.holder('m.room.server_acl', '')?.pdu?.content)(origin)
}
