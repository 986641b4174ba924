import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { bindInvites, exchangeInvite } from '#services/federation/join/third-party-invites.ts'
import { EventBody } from './event-body.ts'

const Nothing = Type.Object({})

/** https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1exchange_third_party_inviteroomid */
export const putExchange = endpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/exchange_third_party_invite/:roomId',
  auth: 'server',
  maxBody: 'event',
  params: Type.Object({ roomId: Type.Unsafe<`!${string}`>(Type.String()) }),
  body: EventBody,
  reply: Nothing,
  summary: 'Makes the invite of a third-party id one of its owner.',
  spec: 'server-server-api/#put_matrixfederationv1exchange_third_party_inviteroomid',
  async handle(ctx, { params: { roomId }, body: event }, { serverName: origin }) {
    await exchangeInvite(ctx, { origin, roomId, event })
    return {}
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv13pidonbind */
export const putBound = endpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/3pid/onbind',
  auth: 'none',
  body: Type.Object({
    medium: Type.String(),
    address: Type.String(),
    mxid: Type.String(),
    invites: Type.Array(Type.Unsafe<JsonObject>({ type: 'object' })),
  }),
  reply: Nothing,
  summary: 'Says that a user here owns a third-party id, and which invites wait for it.',
  spec: 'server-server-api/#put_matrixfederationv13pidonbind',
  async handle(ctx, { body: { mxid, invites }, ip }) {
    ctx.rateBuckets.spend('invite', `bound from ${ip}`)
    await bindInvites(ctx, mxid, invites)
    return {}
  },
})

export const thirdPartyInvites = [putExchange, putBound]
