import type { Endpoint } from '#http/endpoint.ts'
import { adminEndpoints } from './admin/index.ts'
import { withAliases } from './client/aliases.ts'
import { clientEndpoints } from './client/index.ts'
import { federationEndpoints } from './federation/index.ts'
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
