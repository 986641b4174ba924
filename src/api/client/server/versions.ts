import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { specVersions, unstableFeatures } from './spec-versions.ts'

const reply = { versions: [...specVersions], unstable_features: { ...unstableFeatures } }

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientversions */
export const getVersions = endpoint({
  method: 'GET',
  path: '/_matrix/client/versions',
  auth: 'optional',
  reply: Type.Object({
    versions: Type.Array(Type.String()),
    unstable_features: Type.Record(Type.String(), Type.Boolean()),
  }),
  summary: 'Lists the versions of the specification the server keeps to.',
  spec: 'client-server-api/#get_matrixclientversions',
  async handle() {
    return reply
  },
})

export const versions = [getVersions]
