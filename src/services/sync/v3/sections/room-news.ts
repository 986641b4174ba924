import type { Context } from '#context.ts'
import { accountDataChanges, type AccountDataChanges } from '#services/accounts/data/account-data.ts'
import { receiptChanges } from '#services/rooms/ephemeral/receipts.ts'
import type { MovedRooms } from '#services/sync/v3/moved-rooms.ts'
import type { SyncRoom } from '#services/sync/v3/sync-rooms.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'
import type { RoomExtras } from './room-extras.ts'

/** What is new besides events, for all rooms of an answer; and all there is, for those that are new to the client. */
export type NewsSource = {
  accountData: AccountDataChanges
  newRoomsData: AccountDataChanges
  /** JSON texts of receipt events by room, of rooms that the client knows. */
  receipts: ReadonlyMap<string, readonly string[]>
  typing: ReadonlyMap<string, { userIds: string[] }>
  newRoomsTyping: ReadonlyMap<string, { userIds: string[] }>
}

type Given = { syncRooms: readonly SyncRoom[]; moved: MovedRooms } & Pick<NewsSource, 'accountData'>

/** Reads what an answer needs but once. */
export async function newsSource(
  ctx: Pick<Context, 'store' | 'typing'>,
  { request: { since, userId }, now, streams }: SyncMoment,
  { syncRooms, moved, accountData }: Given,
): Promise<NewsSource> {
  const hasNewRooms = since !== undefined && syncRooms.some(({ isNew }) => isNew)
  const typing: Map<string, { userIds: string[] }> = streams.has('typing')
    ? ctx.typing.changes(since?.typing ?? 0)
    : new Map()
  for (const roomId of moved.silenced) if (!typing.has(roomId)) typing.set(roomId, { userIds: [] })
  return {
    accountData,
    receipts: moved.receipts,
    typing,
    newRoomsTyping: hasNewRooms ? ctx.typing.changes(0) : typing,
    newRoomsData: hasNewRooms
      ? await accountDataChanges(ctx, userId, { after: undefined, upTo: now.accountData })
      : accountData,
  }
}

type Page = { syncRooms: readonly SyncRoom[]; news: NewsSource }

/** Receipts, typing and room account data: what changed, or all of it in rooms that are new to the client. */
export async function roomExtras(
  ctx: Pick<Context, 'store'>,
  { request, now }: SyncMoment,
  { syncRooms, news }: Page,
): Promise<(syncRoom: SyncRoom) => RoomExtras> {
  const { userId, filter } = request
  const fresh = syncRooms.filter(({ membership, isNew }) => membership === 'join' && isNew).map(({ roomId }) => roomId)
  const freshReceipts = await receiptChanges(ctx, userId, { roomIds: fresh, after: 0, upTo: now.receipts })
  return ({ roomId, isNew }) => {
    const typists = (isNew ? news.newRoomsTyping : news.typing).get(roomId)?.userIds
    const receipts = (isNew ? freshReceipts : news.receipts).get(roomId) ?? []
    const ephemeral = [
      ...receipts.map((json) => ({ type: 'm.receipt', json })),
      ...(typists
        ? [{ type: 'm.typing', json: JSON.stringify({ type: 'm.typing', content: { user_ids: typists } }) }]
        : []),
    ].filter(({ type }) => filter.ephemeral.matches({ type }) && filter.ephemeral.matchesRoom(roomId))
    const data = ((isNew ? news.newRoomsData : news.accountData).rooms.get(roomId) ?? []).filter(
      (json) =>
        filter.roomAccountData.matches(JSON.parse(json) as { type: string }) &&
        filter.roomAccountData.matchesRoom(roomId),
    )
    return {
      ephemeral: ephemeral.map(({ json }) => json),
      accountData: data,
      any: receipts.length > 0 || ephemeral.length > 0 || data.length > 0,
    }
  }
}
