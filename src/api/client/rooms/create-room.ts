import { Type, type Static } from '@sinclair/typebox'
import { serverNotTrusted } from '#base/errors.ts'
import { endpoint } from '#http/endpoint.ts'
import { refuseSuspended } from '#services/accounts/sessions/refuse-unusable.ts'
import { createRoom } from '#services/rooms/write/create.ts'
import { JsonBody } from '#api/client/json-object.ts'
import { UserIdText, RoomIdText } from '#api/ids.ts'

const Body = Type.Object({
  visibility: Type.Optional(Type.Union([Type.Literal('public'), Type.Literal('private')])),
  room_alias_name: Type.Optional(Type.String()),
  name: Type.Optional(Type.String()),
  topic: Type.Optional(Type.String()),
  invite: Type.Optional(Type.Array(UserIdText, { maxItems: 500 })),
  invite_3pid: Type.Optional(Type.Array(JsonBody)),
  room_version: Type.Optional(Type.String()),
  creation_content: Type.Optional(JsonBody),
  initial_state: Type.Optional(
    Type.Array(Type.Object({ type: Type.String(), state_key: Type.Optional(Type.String()), content: JsonBody }), {
      maxItems: 500,
    }),
  ),
  preset: Type.Optional(
    Type.Union([Type.Literal('private_chat'), Type.Literal('public_chat'), Type.Literal('trusted_private_chat')]),
  ),
  is_direct: Type.Optional(Type.Boolean()),
  power_level_content_override: Type.Optional(JsonBody),
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom */
export const postCreateRoom = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/createRoom',
  auth: 'user',
  limit: 'room_create',
  body: Body,
  reply: Type.Object({ room_id: RoomIdText }),
  summary: 'Makes a room.',
  spec: 'client-server-api/#post_matrixclientv3createroom',
  async handle(ctx, { body }, requester) {
    refuseSuspended(requester)
    if (body.invite_3pid?.length) throw serverNotTrusted()
    return { room_id: await createRoom(ctx, { creator: requester.userId, ...readRoom(body) }) }
  },
})

const readRoom = (body: Static<typeof Body>) => ({
  isPublished: body.visibility === 'public',
  preset: body.preset,
  aliasName: body.room_alias_name,
  name: body.name,
  topic: body.topic,
  invite: body.invite ?? [],
  version: body.room_version,
  createContent: body.creation_content,
  initialState: (body.initial_state ?? []).map(({ type, state_key: stateKey = '', content }) => ({
    type,
    stateKey,
    content,
  })),
  isDirect: body.is_direct ?? false,
  powerLevels: body.power_level_content_override,
})

export const roomCreation = [postCreateRoom]
