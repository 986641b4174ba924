import { releaseTimers } from '../support/server/sdk-client.ts'
import { conversationCases } from './cases/conversations.ts'
import { directoryCases } from './cases/directory.ts'
import { manyMessagesCases } from './cases/many-messages.ts'
import { membershipCases } from './cases/membership.ts'
import { outageCases } from './cases/outages.ts'
import { upgradeCases } from './cases/upgrades.ts'
import { versionCases } from './cases/versions.ts'
import { directions, startServers, type Servers } from './support/servers.ts'

const subjects = {
  membership: membershipCases,
  conversations: conversationCases,
  upgrades: upgradeCases,
  versions: versionCases,
  directory: directoryCases,
  'many messages': manyMessagesCases,
  // Servers are stopped in these.
  outages: outageCases,
}

describe('Myelin and Synapse', function () {
  this.timeout(300_000)
  let servers: Servers
  let restoreTimers = () => {}
  before(async () => {
    restoreTimers = releaseTimers()
    servers = await startServers(process.env['INTEROP_SYNAPSE_PYTHON']!)
  })
  after(async () => {
    await servers?.[Symbol.asyncDispose]()
    restoreTimers()
  })

  for (const [subject, cases] of Object.entries(subjects))
    for (const direction of directions)
      describe(`${subject}: a host on ${direction[0]}, a guest of ${direction[1]}`, () =>
        cases(() => servers, direction))
})
