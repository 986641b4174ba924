import type { Clock } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import type { Outgoing, Place, ServiceRecord } from '#base/outgoing.ts'
import type { Tokens } from '#base/tokens.ts'
import type { ServerName } from '#protocol/ids.ts'
import { parseServerAddress, usualPort, type ServerAddress } from './server-address.ts'
import { inOrder } from './service-targets.ts'
import { WellKnownServers } from './well-known.ts'

type Needs = { outgoing: Outgoing; clock: Clock; tokens: Tokens; log: Log }

/** The places where a server may be spoken to, in the order in which they are tried. */
export type Route = readonly Omit<Place, 'path'>[]

/** Finds where servers are. https://spec.matrix.org/v1.19/server-server-api/#resolving-server-names */
export class Discovery {
  readonly #ctx: Needs
  readonly #wellKnown: WellKnownServers

  constructor(ctx: Needs) {
    this.#ctx = ctx
    this.#wellKnown = new WellKnownServers(ctx)
  }

  /** Throws for what is no server name. The numbers are those of the specification's steps. */
  async find(server: ServerName): Promise<Route> {
    const address = parseServerAddress(server)
    if (!address) throw new Error(`No server can be reached as ${server}`)
    // 1. and 2.
    if (isPlain(address)) return [itself(address)]
    // 3.
    const delegated = await this.#wellKnown.find(address.host)
    // 3.1. and 3.2.
    if (delegated && isPlain(delegated)) return [itself(delegated)]
    // 3.3. to 3.5., without a delegation 4. to 6.
    return this.#findService(delegated ?? address)
  }

  /** None of the places could be reached. */
  doubt(server: ServerName): void {
    const address = parseServerAddress(server)
    if (address) this.#wellKnown.doubt(address.host)
  }

  async #findService(address: ServerAddress): Promise<Route> {
    for (const service of ['_matrix-fed', '_matrix']) {
      const records = await this.#askForServices(`${service}._tcp.${address.host}`)
      if (records.length === 0) continue
      // The root as a target says that there is no such service.
      const targets = records.filter(({ name, port }) => name !== '' && name !== '.' && port > 0)
      return inOrder(targets, this.#ctx.tokens).map(({ name, port }) => ({ ...itself(address), host: name, port }))
    }
    return [itself(address)]
  }

  /** Where DNS fails, the server may be at its own name all the same. */
  async #askForServices(name: string): Promise<readonly ServiceRecord[]> {
    try {
      return await this.#ctx.outgoing.findServices(name)
    } catch (error) {
      this.#ctx.log.debug('a service could not be looked up', { name, error })
      return []
    }
  }
}

/** Neither a well-known document nor a service record says where such a name is served. */
const isPlain = ({ isIpLiteral, port }: ServerAddress): boolean => isIpLiteral || port !== undefined

const itself = ({ name, host, port = usualPort }: ServerAddress): Route[number] => ({
  host,
  port,
  certificateName: host.replace(/\.$/, ''),
  hostHeader: name,
})
