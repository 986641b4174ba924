import type { RoomId } from '#protocol/ids.ts'
import type { Context } from '#context.ts'
import { receiptChanges } from '#services/rooms/ephemeral/receipts.ts'
import type { AccountIndex, AccountRoom } from '#services/rooms/account-rooms/account-index.ts'
import type { AccountDataChanges } from '#services/accounts/data/account-data.ts'
import type { SyncMoment } from './sync-moment.ts'

/** The rooms an incremental answer may speak of, and what is new in them besides events. */
export type MovedRooms = {
  rooms: AccountRoom[]
  /** JSON texts of receipt events by room. */
  receipts: ReadonlyMap<RoomId, readonly string[]>
  /** Rooms without typing users of which the client last got some. */
  silenced: ReadonlySet<RoomId>
}

/**
 * The rooms in which anything moved since the token: the cost is that of what moved, however many rooms the user is in.
 * A full answer speaks of all, and so does one after a change of what decides about counts and invites everywhere.
 */
export async function movedRooms(
  ctx: Pick<Context, 'store' | 'accountRooms' | 'typing'>,
  moment: SyncMoment,
  accountData: AccountDataChanges,
): Promise<MovedRooms> {
  const { request, now, streams, settingsMoved } = moment
  const { userId, since, fullState } = request
  const index = await ctx.accountRooms.of(userId)
  if (!since) return { rooms: [...index.rooms.values()], receipts: new Map(), silenced: new Set() }
  const moved = streams.has('events') ? index.eventsSince(since.events) : []
  const withEvents = fullState || settingsMoved ? [...index.rooms.values()] : moved
  const typing = streams.has('typing') ? ctx.typing.changes(since.typing).keys() : []
  const silenced = silencedRooms(ctx, index, moment)
  const others = [...roomsNamed(index, [...typing, ...accountData.rooms.keys()]), ...silenced]
  const roomIds = roomsWithReceipts(ctx, index, { after: since.receipts, upTo: now.receipts })
  const receipts = await receiptChanges(ctx, userId, { roomIds, after: since.receipts, upTo: now.receipts })
  return {
    rooms: [...new Set([...withEvents, ...others, ...roomsNamed(index, receipts.keys())])],
    receipts,
    silenced: new Set(silenced.map(({ roomId }) => roomId)),
  }
}

/**
 * Rooms of which the client last got typing users, and which have none any more: they may have stopped with the process,
 * or so long ago that it is not remembered.
 */
function silencedRooms(
  { typing }: Pick<Context, 'typing'>,
  index: AccountIndex,
  { request: { since }, streams }: SyncMoment,
): AccountRoom[] {
  if (!since || since.typingIn.length === 0 || !streams.has('typing')) return []
  const [sent, lively] = [new Set(since.typingIn), new Set(typing.lively())]
  return [...index.rooms.values()].filter(({ roomId, roomNid }) => sent.has(roomNid) && !lively.has(roomId))
}

/** Joined rooms in which receipts may have moved; beyond the memory of the index, all of them. */
function roomsWithReceipts(
  { accountRooms }: Pick<Context, 'accountRooms'>,
  index: AccountIndex,
  { after, upTo }: { after: number; upTo: number },
): RoomId[] {
  if (after >= upTo) return []
  const moved = index.receiptsSince(after)
  const rooms = moved
    ? new Set([...moved, ...roomsNamed(index, accountRooms.receiptsUnderWay())])
    : index.rooms.values()
  return [...rooms].filter(({ membership }) => membership === 'join').map(({ roomId }) => roomId)
}

function roomsNamed(index: AccountIndex, roomIds: Iterable<RoomId>): AccountRoom[] {
  const rooms: AccountRoom[] = []
  for (const roomId of roomIds) {
    const room = index.rooms.get(roomId)
    if (room) rooms.push(room)
  }
  return rooms
}
