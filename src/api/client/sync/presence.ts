import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { findPresence, setPresence } from '#services/presence/presence.ts'
import { refuseSuspended } from '#services/accounts/sessions/refuse-unusable.ts'
import { requireSelf } from '#api/client/require-self.ts'
import { UserIdText } from '#api/ids.ts'

const path = '/_matrix/client/v3/presence/:userId/status'
const Params = Type.Object({ userId: UserIdText })
const State = Type.Union([Type.Literal('online'), Type.Literal('unavailable'), Type.Literal('offline')])

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3presenceuseridstatus */
export const getPresence = endpoint({
  method: 'GET',
  path,
  auth: 'user',
  params: Params,
  reply: Type.Object({
    presence: State,
    status_msg: Type.Optional(Type.String()),
    last_active_ago: Type.Optional(Type.Integer()),
    currently_active: Type.Optional(Type.Boolean()),
  }),
  summary: 'Shows the presence and status of a user.',
  spec: 'client-server-api/#get_matrixclientv3presenceuseridstatus',
  async handle(ctx, { params: { userId } }, { userId: reader }) {
    return findPresence(ctx, { userId, reader })
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3presenceuseridstatus */
export const putPresence = endpoint({
  method: 'PUT',
  path,
  auth: 'user',
  limit: 'presence',
  params: Params,
  body: Type.Object({
    presence: State,
    status_msg: Type.Optional(Type.Union([Type.String({ maxLength: 1000 }), Type.Null()])),
  }),
  reply: Type.Object({}),
  summary: 'Sets the presence and status of the user.',
  spec: 'client-server-api/#put_matrixclientv3presenceuseridstatus',
  async handle(ctx, { params: { userId }, body }, requester) {
    requireSelf(requester, userId)
    // Suspended users must not change what others see of them.
    if (body.status_msg) refuseSuspended(requester)
    const { userId: self, deviceId = '' } = requester
    await setPresence(ctx, { userId: self, deviceId, state: body.presence, status: body.status_msg ?? undefined })
    return {}
  },
})

export const presence = [getPresence, putPresence]
