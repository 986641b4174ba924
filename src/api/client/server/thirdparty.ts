import { Type } from '@sinclair/typebox'
import { notFound } from '#base/errors.ts'
import { endpoint } from '#http/endpoint.ts'

const path = '/_matrix/client/v3/thirdparty'
const Protocol = Type.Object({ protocol: Type.String() })
const Nothing = Type.Array(Type.Object({}))

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyprotocols */
export const getProtocols = endpoint({
  method: 'GET',
  path: `${path}/protocols`,
  auth: 'user',
  reply: Type.Object({}),
  summary: 'Lists the other networks that are bridged: none.',
  spec: 'client-server-api/#get_matrixclientv3thirdpartyprotocols',
  async handle() {
    return {}
  },
})

const ofProtocol = (what: 'protocol' | 'location' | 'user') =>
  endpoint({
    method: 'GET',
    path: `${path}/${what}/:protocol`,
    auth: 'user',
    params: Protocol,
    reply: Type.Object({}),
    summary: `Asks a bridged network for its ${what}: there is none.`,
    spec: `client-server-api/#get_matrixclientv3thirdparty${what}protocol`,
    async handle() {
      throw notFound('There is no such network')
    },
  })

const ofMatrixId = (what: 'location' | 'user') =>
  endpoint({
    method: 'GET',
    path: `${path}/${what}`,
    auth: 'user',
    reply: Nothing,
    summary: `Finds the ${what} on a bridged network that a Matrix id stands for: nothing is bridged.`,
    spec: `client-server-api/#get_matrixclientv3thirdparty${what}`,
    async handle() {
      return []
    },
  })

export const thirdparty = [
  getProtocols,
  ofProtocol('protocol'),
  ofProtocol('location'),
  ofProtocol('user'),
  ofMatrixId('location'),
  ofMatrixId('user'),
]
