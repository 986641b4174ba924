import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { isObject, type JsonObject, type JsonValue, type Pdu } from '#protocol/events/event.ts'
import { serverOf, type EventId, type ServerName } from '#protocol/ids.ts'
import { checkFormat, isSignedByServer } from '#services/federation/receive/check-event.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import { askServer } from '#services/remote/remote-client.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import type { RemoteInvite } from '#services/rooms/membership/remote-membership.ts'
import { signedTextOf } from '#protocol/events/signatures.ts'
import { hashAndSignEvent } from '#services/rooms/write/build-event.ts'
import { draftEvent } from '#services/rooms/write/draft-event.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { SignedEvent } from '#protocol/events/hash-and-sign.ts'
import { stateToShow } from './shown-state.ts'
import { tryServers } from './try-servers.ts'

/**
 * Invites a user of another server: the event is made, signed by that server, and only then is it in the room, wherever
 * the room is by then.
 */
export async function inviteRemotely(ctx: Context, invite: RemoteInvite): Promise<EventId> {
  const { roomId, sender, userId, content } = invite
  const room = await ctx.rooms.get(roomId)
  const draft = { type: 'm.room.member', stateKey: userId, sender, content }
  const event = await draftEvent(ctx, roomId, async () => draft)
  const ready = hashAndSignEvent(event, room.version, ctx.signingKey)
  const pdu = await tryServers(ctx, [serverOf(userId)], (server) => signedBy(ctx, server, { room, ready }))
  const own = { origin: ctx.config.server_name, roomId, pdu: pdu as unknown as JsonValue }
  const { outcome, reason } = await receiveEvent(receiveNeeds(ctx), own)
  if (outcome !== 'accepted' && outcome !== 'known') throw forbidden(reason)
  return ready.eventId
}

type Asked = { room: LiveRoom; ready: SignedEvent }

/** Our event with the signature of the invited user's server, which must answer with no other. */
async function signedBy(ctx: Context, server: ServerName, { room, ready }: Asked): Promise<Pdu> {
  const { roomId, version } = room
  const shown = await stateToShow(ctx, room, ready.pdu.sender)
  const answer = await askServer(ctx, {
    destination: server,
    method: 'PUT',
    isUrgent: true,
    path: ['_matrix', 'federation', 'v2', 'invite', roomId, ready.eventId],
    content: { room_version: version.id, event: ready.pdu, invite_room_state: shown } as unknown as JsonObject,
  })
  const signatures = isObject(answer.event) ? signaturesIn(answer.event, { room, ready }) : undefined
  const pdu = { ...ready.pdu, signatures: { ...signatures, ...ready.pdu.signatures } }
  if (
    !signatures ||
    !(await isSignedByServer(receiveNeeds(ctx), { server, pdu, signedText: signedTextOf(pdu, version), version }))
  )
    throw new RemoteError(server, 'It did not sign the invite')
  return pdu
}

function signaturesIn(event: JsonObject, { room, ready }: Asked): Pdu['signatures'] | undefined {
  const returned = checkFormat(event, room)
  return 'violation' in returned || returned.eventId !== ready.eventId ? undefined : returned.pdu.signatures
}
