import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3voipturnserver */
export const getTurnServer = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/voip/turnServer',
  auth: 'user',
  reply: Type.Object({}),
  summary: 'Lists the TURN servers for calls: there are none.',
  spec: 'client-server-api/#get_matrixclientv3voipturnserver',
  async handle() {
    // NOTSPEC: without a TURN server there are no credentials; clients understand an empty object as that.
    return {}
  },
})

export const voip = [getTurnServer]
