import type { Endpoint } from '#http/endpoint.ts'
import { directory } from './directory.ts'
import { devices } from './devices.ts'
import { events } from './events.ts'
import { invites } from './invites.ts'
import { joins } from './joins.ts'
import { keys } from './keys.ts'
import { knocks } from './knocks.ts'
import { leaves } from './leaves.ts'
import { openid } from './openid.ts'
import { policy } from './policy.ts'
import { thirdPartyInvites } from './third-party-invites.ts'
import { transactions } from './transactions.ts'
import { version } from './version.ts'

/** The server-server API in the specification's order. */
export const federationEndpoints: readonly Endpoint[] = [
  ...version,
  ...keys,
  ...devices,
  ...transactions,
  ...events,
  ...joins,
  ...knocks,
  ...invites,
  ...leaves,
  ...directory,
  ...thirdPartyInvites,
  ...openid,
  ...policy,
]
