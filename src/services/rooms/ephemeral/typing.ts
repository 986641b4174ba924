import { typingChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { requireJoined } from '#services/rooms/membership/require-joined.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

const defaultTimeoutMs = 30_000
const maxTimeoutMs = 120_000

type Needs = Pick<Context, 'rooms' | 'typing' | 'bus'>

export type TypingNotice = { roomId: RoomId; userId: UserId; isTyping: boolean; timeoutMs?: number | undefined }

/** Sets whether a member is typing. https://spec.matrix.org/v1.19/client-server-api/#typing-notifications */
export async function setTyping(ctx: Needs, notice: TypingNotice): Promise<void> {
  await requireJoined(ctx, notice.roomId, notice.userId)
  await showTyping(ctx, notice)
}

/** The same of one who is, or may be, a member. */
export async function showTyping(ctx: Needs, { roomId, userId, isTyping, timeoutMs }: TypingNotice): Promise<void> {
  if (!isTyping) return stopTyping(ctx, roomId, userId)
  const timeout = Math.min(Math.max(timeoutMs ?? defaultTimeoutMs, 1), maxTimeoutMs)
  const ended = () => void tellRoom(ctx, roomId)
  if (ctx.typing.start({ roomId, userId }, timeout, ended)) await tellRoom(ctx, roomId)
}

/** A member who has left is not typing any more; whether one who has sent a message is, her client says. */
export async function stopTyping(ctx: Needs, roomId: RoomId, userId: UserId): Promise<void> {
  if (ctx.typing.stop({ roomId, userId })) await tellRoom(ctx, roomId)
}

/** Changes of one room in quick succession are announced together. */
function tellRoom({ rooms, bus, typing }: Needs, roomId: RoomId): Promise<void> {
  return typing.announcements.run(roomId, async () => {
    const room = await rooms.find(roomId)
    if (room) bus.publish(typingChanged, { roomId, userIds: [...room.localUsers] })
  })
}
