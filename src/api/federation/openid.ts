import { Type } from '@sinclair/typebox'
import { unknownToken } from '#base/errors.ts'
import { endpoint } from '#http/endpoint.ts'
import { findOpenidUser } from '#services/accounts/sessions/openid.ts'

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1openiduserinfo */
export const getOpenidUserinfo = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/openid/userinfo',
  auth: 'none',
  query: Type.Object({ access_token: Type.String() }),
  reply: Type.Object({ sub: Type.String() }),
  summary: 'Names the user of an OpenID token to a third party.',
  spec: 'server-server-api/#get_matrixfederationv1openiduserinfo',
  async handle(ctx, { query }) {
    const userId = await findOpenidUser(ctx, query.access_token)
    if (userId === undefined) throw unknownToken('The token is unknown or has expired')
    return { sub: userId }
  },
})

export const openid = [getOpenidUserinfo]
