import { Type } from '@sinclair/typebox'
import { endpoint, JsonPieces } from '#http/endpoint.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { answerJoin } from '#services/federation/join/answer-join.ts'
import { makeTemplate } from '#services/federation/join/make-template.ts'
import { AtEvent, AtUser, EventBody, InArray, TemplateReply } from './event-body.ts'

const JoinReply = Type.Object({
  origin: Type.String(),
  event: EventBody,
  state: Type.Array(EventBody),
  auth_chain: Type.Array(EventBody),
  members_omitted: Type.Boolean(),
  servers_in_room: Type.Optional(Type.Array(Type.String())),
})

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1make_joinroomiduserid */
export const getMakeJoin = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/make_join/:roomId/:userId',
  auth: 'server',
  params: AtUser,
  query: Type.Object({ ver: Type.Array(Type.String(), { default: ['1'] }) }),
  reply: TemplateReply,
  summary: 'The event by which a user of another server may join.',
  spec: 'server-server-api/#get_matrixfederationv1make_joinroomiduserid',
  async handle(ctx, { params, query }, { serverName: origin }) {
    const template = await makeTemplate(ctx, { ...params, origin, membership: 'join', versions: query.ver })
    return { ...template, event: template.event as JsonObject }
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2send_joinroomideventid */
export const putSendJoin = endpoint({
  method: 'PUT',
  path: '/_matrix/federation/v2/send_join/:roomId/:eventId',
  auth: 'server',
  maxBody: 'event',
  params: AtEvent,
  query: Type.Object({ omit_members: Type.Optional(Type.Boolean()) }),
  body: EventBody,
  reply: JoinReply,
  summary: 'Takes in the join of a user of another server, and answers the state of the room.',
  spec: 'server-server-api/#put_matrixfederationv2send_joinroomideventid',
  async handle(ctx, { params, query, body: event }, { serverName: origin }) {
    const omitMembers = query.omit_members ?? false
    return new JsonPieces(await answerJoin(ctx, { ...params, origin, event, omitMembers }))
  },
})

/** The same as servers asked before there was a second version. */
export const putSendJoinV1 = endpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/send_join/:roomId/:eventId',
  auth: 'server',
  maxBody: 'event',
  params: AtEvent,
  body: EventBody,
  reply: InArray(JoinReply),
  summary: 'Takes in the join of a user of another server, and answers the state of the room in an array.',
  spec: 'https://spec.matrix.org/v1.11/server-server-api/#put_matrixfederationv1send_joinroomideventid',
  async handle(ctx, { params, body: event }, { serverName: origin }) {
    return new JsonPieces(inArray(await answerJoin(ctx, { ...params, origin, event, omitMembers: false })))
  },
})

async function* inArray(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  yield '[200,'
  yield* pieces
  yield ']'
}

export const joins = [getMakeJoin, putSendJoin, putSendJoinV1]
