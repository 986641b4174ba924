import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { makeTemplate } from '#services/federation/join/make-template.ts'
import { takeMembership } from '#services/federation/join/take-membership.ts'
import { AtEvent, AtUser, EventBody, InArray, inArray, TemplateReply } from './event-body.ts'

const Nothing = Type.Object({})

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1make_leaveroomiduserid */
export const getMakeLeave = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/make_leave/:roomId/:userId',
  auth: 'server',
  params: AtUser,
  reply: TemplateReply,
  summary: 'The event by which a user of another server may leave or reject an invite.',
  spec: 'server-server-api/#get_matrixfederationv1make_leaveroomiduserid',
  async handle(ctx, { params }, { serverName: origin }) {
    const template = await makeTemplate(ctx, { ...params, origin, membership: 'leave' })
    return { ...template, event: template.event as JsonObject }
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2send_leaveroomideventid */
export const putSendLeave = endpoint({
  method: 'PUT',
  path: '/_matrix/federation/v2/send_leave/:roomId/:eventId',
  auth: 'server',
  maxBody: 'event',
  params: AtEvent,
  body: EventBody,
  reply: Nothing,
  summary: 'Takes in the leave of a user of another server.',
  spec: 'server-server-api/#put_matrixfederationv2send_leaveroomideventid',
  async handle(ctx, { params, body: event }, { serverName: origin }) {
    await takeMembership(ctx, { ...params, origin, event, membership: 'leave' })
    return {}
  },
})

/** The same as servers asked before there was a second version. */
export const putSendLeaveV1 = endpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/send_leave/:roomId/:eventId',
  auth: 'server',
  maxBody: 'event',
  params: AtEvent,
  body: EventBody,
  reply: InArray(Nothing),
  summary: 'Takes in the leave of a user of another server, and answers in an array.',
  spec: 'https://spec.matrix.org/v1.11/server-server-api/#put_matrixfederationv1send_leaveroomideventid',
  async handle(ctx, { params, body: event }, { serverName: origin }) {
    await takeMembership(ctx, { ...params, origin, event, membership: 'leave' })
    return inArray({})
  },
})

export const leaves = [getMakeLeave, putSendLeave, putSendLeaveV1]
