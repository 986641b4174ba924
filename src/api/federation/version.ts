import { Type } from '@sinclair/typebox'
import { about } from '#base/about.ts'
import { endpoint } from '#http/endpoint.ts'

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1version */
export const getVersion = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/version',
  auth: 'none',
  reply: Type.Object({ server: Type.Object({ name: Type.String(), version: Type.String() }) }),
  summary: 'The name and version of this server.',
  spec: 'server-server-api/#get_matrixfederationv1version',
  handle: async () => ({ server: about() }),
})

export const version = [getVersion]
