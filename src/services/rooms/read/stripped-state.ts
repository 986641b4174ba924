import type { Context } from '#context.ts'
import { strippedStateTypes, toStrippedState, type StrippedState } from '#protocol/events/stripped-state.ts'
import { loadHolders } from '#services/rooms/live/load-holders.ts'
import type { RoomLine } from '#services/rooms/live/room-line.ts'

/** What a user outside the room is shown of it, with the member events of her and of who invited her. */
export async function strippedState(
  ctx: Pick<Context, 'store'>,
  line: RoomLine,
  userId: string,
): Promise<StrippedState[]> {
  const own = ['m.room.member', userId] as const
  await loadHolders(ctx, line, [own])
  const inviter = line.holder(...own)?.pdu?.sender
  const keys = [
    ...strippedStateTypes.map((type) => [type, ''] as const),
    ...(inviter && inviter !== userId ? [['m.room.member', inviter] as const] : []),
    own,
  ]
  await loadHolders(ctx, line, keys)
  return keys.flatMap(([type, stateKey]) => {
    const pdu = line.holder(type, stateKey)?.pdu
    return pdu ? [toStrippedState(pdu)] : []
  })
}
