import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { createOpenidToken } from '#services/accounts/sessions/openid.ts'
import { requireSelf } from '#api/client/require-self.ts'
import { UserIdText } from '#api/ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridopenidrequest_token */
export const postOpenidToken = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/user/:userId/openid/request_token',
  auth: 'user',
  params: Type.Object({ userId: UserIdText }),
  body: Type.Object({}),
  reply: Type.Object({
    access_token: Type.String(),
    token_type: Type.String(),
    matrix_server_name: Type.String(),
    expires_in: Type.Integer(),
  }),
  summary: 'Gives a token that proves to third parties who the user is.',
  spec: 'client-server-api/#post_matrixclientv3useruseridopenidrequest_token',
  async handle(ctx, { params: { userId } }, requester) {
    requireSelf(requester, userId)
    const { token, expiresInMs } = await createOpenidToken(ctx, userId)
    return {
      access_token: token,
      token_type: 'Bearer',
      matrix_server_name: ctx.config.server_name,
      expires_in: expiresInMs / 1000,
    }
  },
})

export const openid = [postOpenidToken]
