import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { createFilter, findFilter } from '#services/accounts/data/filters.ts'
import { JsonBody } from '#api/client/json-object.ts'
import { requireSelf } from '#api/client/require-self.ts'
import { UserIdText } from '#api/ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridfilter */
export const postFilter = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/user/:userId/filter',
  auth: 'user',
  bodyLimit: 65_536,
  params: Type.Object({ userId: UserIdText }),
  body: JsonBody,
  reply: Type.Object({ filter_id: Type.String() }),
  summary: 'Keeps a filter and answers its id.',
  spec: 'client-server-api/#post_matrixclientv3useruseridfilter',
  async handle(ctx, { params: { userId }, body }, requester) {
    requireSelf(requester, userId)
    return { filter_id: await createFilter(ctx, userId, body) }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridfilterfilterid */
export const getFilter = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/user/:userId/filter/:filterId',
  auth: 'user',
  params: Type.Object({ userId: UserIdText, filterId: Type.String() }),
  reply: JsonBody,
  summary: 'Shows a filter that the user keeps.',
  spec: 'client-server-api/#get_matrixclientv3useruseridfilterfilterid',
  async handle(ctx, { params: { userId, filterId } }, requester) {
    requireSelf(requester, userId)
    return findFilter(ctx, userId, filterId)
  },
})

export const filters = [postFilter, getFilter]
