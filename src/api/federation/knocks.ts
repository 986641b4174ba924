import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { makeTemplate } from '#services/federation/join/make-template.ts'
import { stateToShow } from '#services/federation/join/shown-state.ts'
import { takeMembership } from '#services/federation/join/take-membership.ts'
import { AtEvent, AtUser, EventBody, TemplateReply } from './event-body.ts'

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1make_knockroomiduserid */
export const getMakeKnock = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/make_knock/:roomId/:userId',
  auth: 'server',
  params: AtUser,
  query: Type.Object({ ver: Type.Array(Type.String()) }),
  reply: TemplateReply,
  summary: 'The event by which a user of another server may knock.',
  spec: 'server-server-api/#get_matrixfederationv1make_knockroomiduserid',
  async handle(ctx, { params, query }, { serverName: origin }) {
    const template = await makeTemplate(ctx, { ...params, origin, membership: 'knock', versions: query.ver })
    return { ...template, event: template.event as JsonObject }
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv1send_knockroomideventid */
export const putSendKnock = endpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/send_knock/:roomId/:eventId',
  auth: 'server',
  maxBody: 'event',
  params: AtEvent,
  body: EventBody,
  reply: Type.Object({ knock_room_state: Type.Array(EventBody) }),
  summary: 'Takes in the knock of a user of another server.',
  spec: 'server-server-api/#put_matrixfederationv1send_knockroomideventid',
  async handle(ctx, { params, body: event }, { serverName: origin }) {
    const { room, pdu } = await takeMembership(ctx, { ...params, origin, event, membership: 'knock' })
    return { knock_room_state: (await stateToShow(ctx, room, pdu.sender)) as JsonObject[] }
  },
})

export const knocks = [getMakeKnock, putSendKnock]
