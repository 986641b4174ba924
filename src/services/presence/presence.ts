import { presenceChanged } from '#bus/topics.ts'
import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { PresenceContent, PresenceState } from './presences.ts'
import type { UserId } from '#protocol/ids.ts'

export type NewPresence = { userId: UserId; state: PresenceState; status?: string | undefined }

/** Tells those who share a room with the user how she is there. */
export async function setPresence(
  { store, bus, presence }: Pick<Context, 'store' | 'bus' | 'presence'>,
  { userId, state, status }: NewPresence,
): Promise<void> {
  if (presence.set(userId, state, status))
    bus.publish(presenceChanged, { userIds: [userId, ...(await store.rooms.members.usersSharingRooms(userId))] })
}

/** The same without touching what the user says of herself; without a state she is merely seen, which wakes nobody. */
export async function markPresence(
  ctx: Pick<Context, 'store' | 'bus' | 'presence'>,
  userId: UserId,
  state: PresenceState | undefined,
): Promise<void> {
  if (state === undefined) return ctx.presence.see(userId)
  await setPresence(ctx, { userId, state, status: ctx.presence.find(userId)?.status_msg })
}

/** Presence is for those who share a room. */
export async function findPresence(
  { store, presence }: Pick<Context, 'store' | 'presence'>,
  { userId, reader }: { userId: UserId; reader: UserId },
): Promise<PresenceContent> {
  if (userId !== reader && !(await store.rooms.members.shareRoom(reader, userId)))
    throw forbidden("You are not allowed to see this user's presence")
  return presence.find(userId) ?? { presence: 'offline' }
}
