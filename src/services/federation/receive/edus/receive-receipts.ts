import type { Context } from '#context.ts'
import { entriesByUser, serverOf, type EventId, type RoomId, type ServerName, type UserId } from '#protocol/ids.ts'
import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import type { RemoteReceipt } from '#services/rooms/ephemeral/early-receipts.ts'
import { setRemoteReceipts } from '#services/rooms/ephemeral/remote-receipts.ts'
import { roomOfOrigin } from './room-of-origin.ts'

/** Of one EDU; servers send those of one room, or of a few, at a time. */
const maxRooms = 50
const maxReceipts = 500

/** https://spec.matrix.org/v1.19/server-server-api/#receipts */
export async function receiveReceipts(
  ctx: Context,
  { origin, content }: { origin: ServerName; content: JsonObject },
): Promise<void> {
  let left = maxReceipts
  for (const [roomId, byType] of Object.entries(content).slice(0, maxRooms)) {
    const readers = isObject(byType) ? byType['m.read'] : undefined
    const room = isObject(readers) ? await roomOfOrigin(ctx, roomId as RoomId, origin) : undefined
    if (!room || !isObject(readers)) continue
    const receipts = entriesByUser(readers as Record<UserId, JsonValue>)
      .filter(([userId]) => serverOf(userId) === origin && room.members.get(userId) === 'join')
      .flatMap(([userId, receipt]) => readReceipt(userId, receipt))
      .slice(0, left)
    left -= receipts.length
    await setRemoteReceipts(
      ctx,
      room,
      receipts.map((receipt) => ({ receipt, looks: 0 })),
    )
  }
}

function readReceipt(userId: UserId, receipt: JsonValue): RemoteReceipt[] {
  if (!isObject(receipt) || !Array.isArray(receipt.event_ids)) return []
  const [eventId] = receipt.event_ids
  const data = isObject(receipt.data) ? receipt.data : {}
  if (typeof eventId !== 'string' || !eventId.startsWith('$')) return []
  const { ts, thread_id: threadId } = data
  if (threadId !== undefined && (typeof threadId !== 'string' || threadId === '')) return []
  const sentAt = Number.isSafeInteger(ts) && (ts as number) >= 0 ? (ts as number) : undefined
  return [{ userId, eventId: eventId as EventId, threadId, ts: sentAt }]
}
