import type { Context } from '#context.ts'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import { roomIdOfCreate } from '#protocol/event-id.ts'
import { isObject, type JsonValue } from '#protocol/event.ts'
import type { RoomId } from '#protocol/ids.ts'
import { commitReceived } from '#services/rooms/commit-received.ts'
import { plainStep } from '#services/rooms/next-line.ts'
import { RoomLine } from '#services/rooms/room-line.ts'
import type { RoomVersion } from '#protocol/room-version.ts'
import { checkEvent } from './check-event.ts'
import type { Receipt, ReceiveNeeds } from './ports.ts'

export type RemoteRoom = { roomId: RoomId; version: RoomVersion; create: JsonValue }

/** Takes in the create event of a room that another server made: with it the room is known here, and empty. */
export async function openRemoteRoom(
  ctx: ReceiveNeeds & Pick<Context, 'config'>,
  { roomId, version, create }: RemoteRoom,
): Promise<Receipt> {
  const event = await checkEvent(ctx.findKey, create, { roomId, version })
  if ('violation' in event) return { eventId: undefined, outcome: 'dropped', reason: event.violation }
  const { pdu, eventId } = event
  const rejection = authorize(pdu, version, () => undefined)
  const isCreate = pdu.type === 'm.room.create' && isObject(pdu.content) && roomIdOfCreate(pdu, version) === roomId
  if (rejection || !isCreate)
    return { eventId, outcome: 'rejected', reason: rejection?.reason ?? 'It creates another room' }
  return ctx.rooms.inTurn(roomId, async () => {
    if (await ctx.rooms.find(roomId)) return { eventId, outcome: 'known' }
    const line = new RoomLine({
      nid: undefined, roomId, version, lineVersion: 0, heads: [], depth: 0, lastPosition: 0, holders: [], members: [], serverName: ctx.config.server_name,
    }) // prettier-ignore
    const step = plainStep(event)
    await commitReceived(ctx, line, {
      pdu,
      eventId,
      status: 'accepted',
      branch: undefined,
      movesFrom: undefined,
      step,
    })
    ctx.rooms.add(line)
    return { eventId, outcome: 'accepted' }
  })
}
