import { typingChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { requireJoined } from '#services/rooms/membership/require-joined.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

const defaultTimeoutMs = 30_000
const maxTimeoutMs = 120_000

type Needs = Pick<Context, 'rooms' | 'typing' | 'bus'>

export type TypingNotice = { roomId: RoomId; userId: UserId; isTyping: boolean; timeoutMs?: number | undefined }

/** Takes down that a member is typing, or no longer is. https://spec.matrix.org/v1.19/client-server-api/#typing-notifications */
export async function setTyping(ctx: Needs, { roomId, userId, isTyping, timeoutMs }: TypingNotice): Promise<void> {
  await requireJoined(ctx, roomId, userId)
  if (!isTyping) return stopTyping(ctx, roomId, userId)
  const timeout = Math.min(Math.max(timeoutMs ?? defaultTimeoutMs, 1), maxTimeoutMs)
  const ended = () => void tellRoom(ctx, roomId)
  if (ctx.typing.start({ roomId, userId }, timeout, ended)) await tellRoom(ctx, roomId)
}

/** A member who has sent or left types no more. */
export async function stopTyping(ctx: Needs, roomId: RoomId, userId: UserId): Promise<void> {
  if (ctx.typing.stop({ roomId, userId })) await tellRoom(ctx, roomId)
}

async function tellRoom({ rooms, bus }: Pick<Needs, 'rooms' | 'bus'>, roomId: RoomId): Promise<void> {
  const room = await rooms.find(roomId)
  if (room) bus.publish(typingChanged, { roomId, userIds: [...room.localUsers] })
}
