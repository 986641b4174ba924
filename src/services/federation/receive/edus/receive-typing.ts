import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { serverOf, type RoomId, type ServerName, type UserId } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { showTyping } from '#services/rooms/ephemeral/typing.ts'
import { roomOfOrigin } from './room-of-origin.ts'

/** A server that goes away leaves nobody typing; one that is there repeats it before. */
const timeoutMs = 60_000
/** Of a room in which so many type it does not matter who else does. */
const maxTypists = 100

/** Members that a join left out may well be there. */
const mayBeJoined = ({ members, isPartial }: LiveRoom, userId: UserId): boolean =>
  members.get(userId) === 'join' || (isPartial && !members.has(userId))

/** https://spec.matrix.org/v1.19/server-server-api/#typing-notifications */
export async function receiveTyping(
  ctx: Context,
  { origin, content }: { origin: ServerName; content: JsonObject },
): Promise<void> {
  const { room_id: roomId, user_id: userId, typing: isTyping } = content
  if (typeof roomId !== 'string' || typeof userId !== 'string' || typeof isTyping !== 'boolean') return
  if (serverOf(userId) !== origin) return
  const room = await roomOfOrigin(ctx, roomId as RoomId, origin)
  if (!room || !mayBeJoined(room, userId as UserId)) return
  if (isTyping && ctx.typing.in(room.roomId).length >= maxTypists) return
  await showTyping(ctx, { roomId: room.roomId, userId: userId as UserId, isTyping, timeoutMs })
}
