import { badJson, forbidden, MatrixError, notFound, unrecognized } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { hasValidContentHash } from '#protocol/events/content-hash.ts'
import { isObject, type JsonValue, type Pdu, type Signatures } from '#protocol/events/event.ts'
import { needsRecommendation, policyServerOf } from '#protocol/events/policy-server.ts'
import { countersign } from '#protocol/events/signatures.ts'
import { encodePublicKey, type SigningKey } from '#protocol/events/signing-key.ts'
import { isValidRoomId, serverOf, type ServerName } from '#protocol/ids.ts'
import { mayTakePart } from '#services/federation/may-take-part.ts'
import { checkFormat } from '#services/federation/receive/check-event.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'

type Needs = Pick<Context, 'store' | 'rooms' | 'serverAcls' | 'serverAccess' | 'policyKey'>

/**
 * Signs an event that a server asks us about as the Policy Server of its room: one that this server's administrator and
 * the room's ACL would let in. Whoever asks need not be the sender's server.
 * https://spec.matrix.org/v1.19/server-server-api/#post_matrixpolicyv1sign
 */
export async function recommendEvent(
  ctx: Needs,
  { origin, event }: { origin: ServerName; event: JsonValue },
): Promise<Signatures> {
  const { policyKey } = ctx
  if (!policyKey) throw unrecognized()
  const room = await protectedRoom(ctx, policyKey, event)
  if (!(await mayTakePart(ctx, room, origin))) throw forbidden('The room does not let your server take part')
  const read = checkFormat(event, room)
  if ('violation' in read) throw badJson(read.violation)
  const { pdu } = read
  // What is signed is the event without most of its content: by this alone the content belongs to it.
  if (!hasValidContentHash(pdu)) throw badJson('The content hash is wrong')
  const refusal = needsRecommendation(pdu)
    ? await refusalOf(ctx, room, pdu)
    : 'The choice of a Policy Server needs no signature'
  if (refusal !== undefined) throw new MatrixError(400, 'M_FORBIDDEN', refusal)
  return countersign({ ...pdu, signatures: {} }, room.version, policyKey).signatures
}

/** The room of the event, which names this server and the key that it has now; M_NOT_FOUND where it does not. */
async function protectedRoom(ctx: Needs, policyKey: SigningKey, event: JsonValue): Promise<LiveRoom> {
  const roomId = isObject(event) ? event.room_id : undefined
  const room = typeof roomId === 'string' && isValidRoomId(roomId) ? await ctx.rooms.find(roomId) : undefined
  if (room) await loadStateEntries(ctx, room, [['m.room.policy', '']])
  const policy = policyServerOf(
    room?.entry('m.room.policy', '')?.pdu,
    (server) => room?.joinedByServer.has(server) ?? false,
  )
  const isOurs =
    policy?.serverName === policyKey.serverName && policy.publicKey === encodePublicKey(policyKey.publicKey)
  if (!room || !isOurs) throw notFound('This server is not the Policy Server of the room')
  return room
}

/** Why the event is not recommended, if it is not. */
async function refusalOf(
  ctx: Pick<Needs, 'store' | 'serverAcls' | 'serverAccess'>,
  room: LiveRoom,
  { sender }: Pick<Pdu, 'sender'>,
): Promise<string | undefined> {
  const server = serverOf(sender)
  if (!ctx.serverAccess(server)) return 'This server does not recommend what users of the server send'
  if (!(await mayTakePart(ctx, room, server))) return 'The room does not let the server of the sender take part'
  return (await ctx.store.rooms.purges.isClosed(room.roomId)) ? 'The room is closed on this server' : undefined
}
