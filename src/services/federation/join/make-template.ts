import { forbidden, incompatibleRoomVersion, invalidParam } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { UnsignedPdu } from '#protocol/events/event.ts'
import { isValidUserId, serverOf, type RoomId, type ServerName } from '#protocol/ids.ts'
import { joinAuthority } from '#services/rooms/membership/authorise-join.ts'
import { requireOpenRoom } from '#services/rooms/membership/require-open-room.ts'
import { draftEvent } from '#services/rooms/write/draft-event.ts'
import { roomOpenTo } from './open-to-server.ts'

type Needs = Pick<Context, 'store' | 'clock' | 'rooms' | 'serverAcls'>

export type TemplateRequest = {
  origin: ServerName
  roomId: RoomId
  userId: string
  membership: 'join' | 'leave' | 'knock'
  /** The room versions that the other server knows; undefined where it need not say. */
  versions?: readonly string[] | undefined
}

export type Template = { room_version: string; event: UnsignedPdu }

/**
 * The membership event that another server's user may sign to enter or leave a room of ours.
 * https://spec.matrix.org/v1.19/server-server-api/#joining-rooms
 */
export async function makeTemplate(ctx: Needs, request: TemplateRequest): Promise<Template> {
  const { origin, roomId, userId, membership, versions } = request
  if (!isValidUserId(userId)) throw invalidParam('That is no user id')
  if (serverOf(userId) !== origin) throw forbidden('The user is not of your server')
  const { version } = await roomOpenTo(ctx, roomId, origin)
  if (versions && !versions.includes(version.id)) throw incompatibleRoomVersion(version.id)
  if (membership !== 'leave') await requireOpenRoom(ctx, roomId)
  const event = await draftEvent(ctx, roomId, async (room) => {
    const authority = membership === 'join' ? await joinAuthority(ctx, room, userId) : {}
    return { type: 'm.room.member', stateKey: userId, sender: userId, content: { membership, ...authority } }
  })
  return { room_version: version.id, event }
}
