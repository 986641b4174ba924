import type { Config } from '#base/config/schema.ts'
import type { Endpoint } from '#http/endpoint.ts'
import { adminEndpoints } from './admin/index.ts'
import { withAliases } from './client/aliases.ts'
import { clientEndpoints } from './client/index.ts'
import { federationEndpoints } from './federation/index.ts'
import { getOpenidUserinfo } from './federation/openid.ts'
import { getHealth } from './health.ts'
import { getRootPage } from './root-page.ts'

/** All endpoints of the public port, aliases included. */
export const allEndpoints = (): readonly Endpoint[] => [
  ...withAliases(clientEndpoints),
  ...federationEndpoints,
  ...adminEndpoints,
  getHealth,
  getRootPage,
]

/** Those that this server serves: without federation, other servers find nothing here. */
export const servedEndpoints = ({ federation }: Config): readonly Endpoint[] =>
  allEndpoints().filter(
    (endpoint) => federation.enabled || !federationEndpoints.includes(endpoint) || endpoint === getOpenidUserinfo,
  )
