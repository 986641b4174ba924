import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { hasForgotten, isWorldReadable } from './open-reading.ts'
import { readableEvents, type Reader } from './readable.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'rooms' | 'store' | 'ignoredUsers'>

export type SingleEvent = Reader & { event: StoredEvent }

/** An event of a room. Throws M_NOT_FOUND alike where room or event do not exist or the user may not see it. */
export async function readEvent(
  ctx: Needs,
  { roomId, eventId, userId }: { roomId: RoomId; eventId: EventId; userId: UserId },
): Promise<SingleEvent> {
  const room = await ctx.rooms.find(roomId)
  if (!room) throw hidden()
  const reader = { room, userId, ignored: await ctx.ignoredUsers.of(userId) }
  if ((await hasForgotten(ctx, reader)) && !(await isWorldReadable(ctx, room))) throw hidden()
  return { ...reader, event: await readEventOf(ctx, reader, eventId) }
}

/** The same in a room at hand. */
export async function readEventOf(ctx: Pick<Context, 'store'>, reader: Reader, eventId: EventId): Promise<StoredEvent> {
  const { room } = reader
  const event = room.recent.find((recent) => recent.eventId === eventId) ?? (await ctx.store.rooms.events.find(eventId))
  if (!event || event.roomNid !== room.nid || event.status !== 'accepted') throw hidden()
  const [readable] = await readableEvents(ctx, reader, [event])
  if (!readable) throw hidden()
  return readable
}

const hidden = () => notFound('The event was not found')
