import { accountDataChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { lockAccountData, writeAccountData } from '#services/accounts/data/account-data.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { requireEvent, setReceipt } from './receipts.ts'
import { requireJoined } from '#services/rooms/membership/require-joined.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'bus' | 'clock' | 'rooms' | 'accountRooms' | 'config'>

export type ReadMarkers = {
  roomId: RoomId
  userId: UserId
  fullyRead?: EventId | undefined
  read?: EventId | undefined
  readPrivate?: EventId | undefined
}

/** Sets any of a member's marker and receipts. https://spec.matrix.org/v1.19/client-server-api/#fully-read-markers */
export async function setReadMarkers(ctx: Needs, markers: ReadMarkers): Promise<void> {
  const { roomId, userId, fullyRead, read, readPrivate } = markers
  await requireJoined(ctx, roomId, userId)
  if (fullyRead !== undefined) await setFullyRead(ctx, { roomId, userId, eventId: fullyRead })
  if (read !== undefined) await setReceipt(ctx, { roomId, userId, type: 'm.read', eventId: read })
  if (readPrivate !== undefined) await setReceipt(ctx, { roomId, userId, type: 'm.read.private', eventId: readPrivate })
}

/** Moves the fully-read marker; never backwards. */
export async function setFullyRead(
  ctx: Needs,
  { roomId, userId, eventId }: { roomId: RoomId; userId: UserId; eventId: EventId },
): Promise<void> {
  const room = await requireJoined(ctx, roomId, userId)
  const event = await requireEvent(ctx, room, eventId)
  const key = { userId, roomId, type: 'm.fully_read' }
  const moved = await ctx.store.transaction(async (tx) => {
    await lockAccountData(tx)
    const stored = await tx.accounts.accountData.find(key)
    const replaced = stored && (await tx.rooms.events.find((JSON.parse(stored) as { event_id: EventId }).event_id))
    if (replaced && !isLater(event, replaced)) return false
    await writeAccountData(tx, ctx.config.limits, { ...key, content: { event_id: eventId } })
    return true
  })
  if (moved) ctx.bus.publish(accountDataChanged, { userId, changes: [{ roomId, type: key.type }] })
}

const isLater = (one: StoredEvent, other: StoredEvent): boolean => one.position > other.position
