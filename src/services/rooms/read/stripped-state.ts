import type { Context } from '#context.ts'
import { strippedStateTypes, toStrippedState, type StrippedState } from '#protocol/events/stripped-state.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { UserId } from '#protocol/ids.ts'

/** The stripped state for a user outside the room, with the member events of the user and of the inviter. */
export async function strippedState(
  ctx: Pick<Context, 'store'>,
  room: LiveRoom,
  userId: UserId,
): Promise<StrippedState[]> {
  const own = ['m.room.member', userId] as const
  await loadStateEntries(ctx, room, [own])
  const inviter = room.entry(...own)?.pdu?.sender
  const keys = [
    ...strippedStateTypes.map((type) => [type, ''] as const),
    ...(inviter && inviter !== userId ? [['m.room.member', inviter] as const] : []),
    own,
  ]
  await loadStateEntries(ctx, room, keys)
  return keys.flatMap(([type, stateKey]) => {
    const pdu = room.entry(type, stateKey)?.pdu
    return pdu ? [toStrippedState(pdu)] : []
  })
}
