import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { isObject, type JsonObject } from '#protocol/events/event.ts'
import { receiveInvite } from '#services/federation/join/receive-invite.ts'
import { AtEvent, EventBody, InArray, inArray } from './event-body.ts'

const SignedEvent = Type.Object({ event: EventBody })

/** https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2inviteroomideventid */
export const putInvite = endpoint({
  method: 'PUT',
  path: '/_matrix/federation/v2/invite/:roomId/:eventId',
  auth: 'server',
  maxBody: 'large',
  params: AtEvent,
  body: Type.Object({
    room_version: Type.String(),
    event: EventBody,
    invite_room_state: Type.Optional(Type.Array(Type.Unknown())),
  }),
  reply: SignedEvent,
  summary: 'Invites a user of this server to a room of another, and answers the event with our signature.',
  spec: 'server-server-api/#put_matrixfederationv2inviteroomideventid',
  async handle(ctx, { params, body }, { serverName: origin }) {
    const { room_version: version, event, invite_room_state: shown } = body
    const shownState = shown as JsonObject[] | undefined
    return { event: (await receiveInvite(ctx, { ...params, origin, version, event, shownState })) as JsonObject }
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1inviteroomideventid */
export const putInviteV1 = endpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/invite/:roomId/:eventId',
  auth: 'server',
  maxBody: 'large',
  params: AtEvent,
  body: EventBody,
  reply: InArray(SignedEvent),
  summary: 'Invites a user of this server to a room of version 1 or 2 of another.',
  spec: 'server-server-api/#put_matrixfederationv1inviteroomideventid',
  async handle(ctx, { params, body: event }, { serverName: origin }) {
    const { unsigned } = event
    const shownState = isObject(unsigned) ? unsigned.invite_room_state : undefined
    const signed = await receiveInvite(ctx, { ...params, origin, version: '1', event, shownState })
    return inArray({ event: signed as JsonObject })
  },
})

export const invites = [putInvite, putInviteV1]
