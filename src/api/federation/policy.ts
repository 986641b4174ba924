import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { recommendEvent } from '#services/federation/policy/recommend-event.ts'
import { EventBody } from './event-body.ts'

/** https://spec.matrix.org/v1.19/server-server-api/#post_matrixpolicyv1sign */
export const signAsPolicyServer = endpoint({
  method: 'POST',
  path: '/_matrix/policy/v1/sign',
  auth: 'server',
  maxBody: 'event',
  body: EventBody,
  reply: Type.Record(Type.String(), Type.Record(Type.String(), Type.String())),
  summary: 'Recommends an event as the Policy Server of its room.',
  spec: 'server-server-api/#post_matrixpolicyv1sign',
  handle: (ctx, { body: event }, { serverName: origin }) => recommendEvent(ctx, { origin, event }),
})

export const policy = [signAsPolicyServer]
