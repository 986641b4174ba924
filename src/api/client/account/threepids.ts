import { Type } from '@sinclair/typebox'
import { MatrixError } from '#base/errors.ts'
import { endpoint } from '#http/endpoint.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3account3pid */
export const getThreepids = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/account/3pid',
  auth: 'user',
  reply: Type.Object({ threepids: Type.Array(Type.Object({})) }),
  summary: "Lists the user's e-mail addresses and telephone numbers: there are none.",
  spec: 'client-server-api/#get_matrixclientv3account3pid',
  async handle() {
    return { threepids: [] }
  },
})

const denied = (path: string, auth: 'none' | 'user') =>
  endpoint({
    method: 'POST',
    path,
    auth,
    body: Type.Object({}),
    reply: Type.Object({}),
    summary: 'Refuses e-mail addresses and telephone numbers, which accounts do not have.',
    spec: 'client-server-api/#adding-account-administrative-contact-information',
    async handle() {
      throw new MatrixError(403, 'M_THREEPID_DENIED', 'Accounts have no third-party identifiers here')
    },
  })

const unbound = (path: string) =>
  endpoint({
    method: 'POST',
    path,
    auth: 'user',
    body: Type.Object({ medium: Type.String(), address: Type.String() }),
    reply: Type.Object({ id_server_unbind_result: Type.String() }),
    summary: 'Removes an e-mail address or telephone number, of which there are none.',
    spec: 'client-server-api/#adding-account-administrative-contact-information',
    async handle() {
      return { id_server_unbind_result: 'no-support' }
    },
  })

export const threepids = [
  getThreepids,
  denied('/_matrix/client/v3/account/3pid', 'user'),
  denied('/_matrix/client/v3/account/3pid/add', 'user'),
  denied('/_matrix/client/v3/account/3pid/bind', 'user'),
  unbound('/_matrix/client/v3/account/3pid/delete'),
  unbound('/_matrix/client/v3/account/3pid/unbind'),
  denied('/_matrix/client/v3/account/3pid/email/requestToken', 'none'),
  denied('/_matrix/client/v3/account/3pid/msisdn/requestToken', 'none'),
  denied('/_matrix/client/v3/account/password/email/requestToken', 'none'),
  denied('/_matrix/client/v3/account/password/msisdn/requestToken', 'none'),
  denied('/_matrix/client/v3/register/email/requestToken', 'none'),
  denied('/_matrix/client/v3/register/msisdn/requestToken', 'none'),
]
