import { badJson, forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { isObject, membershipOf, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import { isValidRoomId, isValidUserId, serverOf, type RoomId, type ServerName, type UserId } from '#protocol/ids.ts'
import { askServer } from '#services/remote/remote-client.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import { nextContent } from '#services/rooms/live/next-state.ts'
import { isRemoteUser } from '#services/rooms/membership/is-remote-user.ts'
import { requireInvitable } from '#services/rooms/membership/require-invitable.ts'
import { appendEvent } from '#services/rooms/write/append.ts'
import { roomOpenTo } from './open-to-server.ts'

/** An invite of a third-party id whose owner is known now, with the proof of an identity server. */
export type ProvenInvite = { roomId: RoomId; sender: UserId; userId: UserId; signed: JsonObject }

/**
 * Makes the invite of a third-party id one of the user who has proven to own it.
 * https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1exchange_third_party_inviteroomid
 */
export async function exchangeInvite(
  ctx: Context,
  { origin, roomId, event }: { origin: ServerName; roomId: RoomId; event: JsonObject },
): Promise<void> {
  const { type, room_id: room, sender, state_key: userId, content } = event
  const invite = isObject(content) ? content.third_party_invite : undefined
  const signed = isObject(invite) ? invite.signed : undefined
  if (type !== 'm.room.member' || room !== roomId || !isObject(content) || membershipOf({ content }) !== 'invite')
    throw badJson('The event is no invite to the room')
  if (!isUserId(sender) || !isUserId(userId) || !isObject(signed)) throw badJson('The invite is incomplete')
  if (serverOf(userId) !== origin) throw forbidden('The user is not of your server')
  if (isRemoteUser(ctx, sender)) throw forbidden('The invite is not of a user of this server')
  await roomOpenTo(ctx, roomId, origin)
  await inviteProven(ctx, { roomId, sender, userId, signed })
}

const isUserId = (value: JsonValue | undefined): value is UserId => typeof value === 'string' && isValidUserId(value)

/** The auth rules say whether the proof holds, and whether the inviter is still in the room. */
async function inviteProven(ctx: Context, { roomId, sender, userId, signed }: ProvenInvite): Promise<void> {
  const { token } = signed
  const room = await ctx.rooms.get(roomId)
  const asked =
    typeof token === 'string' ? await nextContent(ctx, room, ['m.room.third_party_invite', token]) : undefined
  if (!asked) throw forbidden('There is no such invite')
  const name = typeof asked.display_name === 'string' ? { display_name: asked.display_name } : {}
  const content = { membership: 'invite', third_party_invite: { ...name, signed } }
  if (isRemoteUser(ctx, userId)) await ctx.remoteMembership.invite({ roomId, sender, userId, content })
  else await appendEvent(ctx, roomId, { type: 'm.room.member', stateKey: userId, sender, content })
}

/** So many invites may wait for one third-party id. */
const maxInvites = 50

/**
 * Takes from an identity server the invites of a third-party id that a user here has proven to own, and has each made an
 * invite of the user: by this server where the inviter is here, or by the inviter's. One that fails stops no other.
 * https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv13pidonbind
 */
export async function bindInvites(ctx: Context, userId: string, invites: readonly JsonValue[]): Promise<void> {
  if (!isUserId(userId) || isRemoteUser(ctx, userId)) throw badJson('The user is not of this server')
  await requireInvitable(ctx, userId)
  for (const value of invites.slice(0, maxInvites)) {
    const invite = isObject(value) ? provenIn(value, userId) : undefined
    if (!invite) continue
    try {
      await bindInvite(ctx, invite)
    } catch (error) {
      ctx.log.info('an invite of a third-party id did not become one of its owner', { error })
    }
  }
}

function provenIn({ room_id: roomId, sender, signed }: JsonObject, userId: UserId): ProvenInvite | undefined {
  if (typeof roomId !== 'string' || !isValidRoomId(roomId) || !isUserId(sender)) return undefined
  return isObject(signed) && signed.mxid === userId ? { roomId, sender, userId, signed } : undefined
}

async function bindInvite(ctx: Context, invite: ProvenInvite): Promise<void> {
  const { roomId, sender, userId, signed } = invite
  if (!isRemoteUser(ctx, sender)) return inviteProven(ctx, invite)
  const destination = serverOf(sender)
  const content = { membership: 'invite', third_party_invite: { display_name: userId, signed } }
  try {
    await askServer(ctx, {
      destination,
      method: 'PUT',
      path: ['_matrix', 'federation', 'v1', 'exchange_third_party_invite', roomId],
      content: { type: 'm.room.member', room_id: roomId, sender, state_key: userId, content },
    })
  } catch (error) {
    throw error instanceof RemoteError ? error.toClientError() : error
  }
}
