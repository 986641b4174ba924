import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { deletePusher, listPushers, putPusher } from '#services/push/pushers.ts'
import { JsonBody } from '#api/client/json-object.ts'

const Pusher = Type.Object({
  kind: Type.String(),
  app_id: Type.String(),
  pushkey: Type.String(),
  app_display_name: Type.String(),
  device_display_name: Type.String(),
  lang: Type.String(),
  data: JsonBody,
  profile_tag: Type.Optional(Type.String()),
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushers */
export const getPushers = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/pushers',
  auth: 'user',
  reply: Type.Object({ pushers: Type.Array(Pusher) }),
  summary: 'Lists the pushers of the user.',
  spec: 'client-server-api/#get_matrixclientv3pushers',
  async handle(ctx, _received, { userId }) {
    return { pushers: await listPushers(ctx, userId) }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3pushersset */
export const postPushersSet = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/pushers/set',
  auth: 'user',
  maxBody: 'medium',
  body: Type.Object({
    kind: Type.Union([Type.String(), Type.Null()]),
    app_id: Type.String(),
    pushkey: Type.String(),
    app_display_name: Type.Optional(Type.String()),
    device_display_name: Type.Optional(Type.String()),
    lang: Type.Optional(Type.String()),
    data: Type.Optional(JsonBody),
    profile_tag: Type.Optional(Type.String()),
    append: Type.Optional(Type.Boolean()),
  }),
  reply: Type.Object({}),
  summary: 'Sets, changes or deletes a pusher of the user.',
  spec: 'client-server-api/#post_matrixclientv3pushersset',
  async handle(ctx, { body: { append = false, ...options } }, requester) {
    if (options.kind === null) await deletePusher(ctx, requester.userId, options)
    else await putPusher(ctx, requester, { options, isShared: append })
    return {}
  },
})

export const pushers = [getPushers, postPushersSet]
