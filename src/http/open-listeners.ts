import type { RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import type { Context } from '#context.ts'
import { addressesIn } from './client-address.ts'
import { Connections } from './connections.ts'
import { followIdentity, readIdentity } from './identity.ts'
import { listen, type Listener } from './listener.ts'
import { operationsApp } from './operations-app.ts'

export type Listeners = {
  main: Listener
  /** The same as `main`, with TLS. */
  tls: Listener | undefined
  operations: Listener | undefined
  /** Closes all of them. */
  close(): Promise<void>
}

type Needs = Pick<Context, 'config' | 'metrics' | 'store' | 'clock' | 'log'>

/** Opens every port that the configuration names, or none of them. */
export async function openListeners(ctx: Needs, answer: RequestListener): Promise<Listeners> {
  const { listen: place, metrics } = ctx.config
  const opened: Listener[] = []
  const admit = admission(ctx)
  const open = async (answering: RequestListener, at: Parameters<typeof listen>[1]) => {
    const listener = await listen(answering, at)
    opened.push(listener)
    return listener
  }
  let unfollow = () => {}
  const close = async () => {
    unfollow()
    await Promise.all(opened.map((listener) => listener.close()))
  }
  try {
    const identity = await readIdentity(place.tls)
    const main = await open(answer, { host: place.host, port: place.port, admit })
    const tls = identity && (await open(answer, { host: place.host, port: place.tls.port!, tls: identity, admit }))
    if (tls) unfollow = followIdentity(ctx, identity, (renewed) => tls.renew(renewed))
    const operations =
      metrics.port === undefined
        ? undefined
        : await open(operationsApp(ctx), { host: metrics.host, port: metrics.port })
    return { main, tls, operations, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** One limit for all public ports. */
function admission({ config: { limits, listen: place }, metrics }: Needs): (socket: Socket) => boolean {
  const connections = new Connections({
    inAll: limits.connections,
    perAddress: limits.connections_per_address,
    isTrusted: addressesIn(place.trusted_proxies),
  })
  metrics.countConnections(() => connections.inAll)
  return (socket) => {
    const may = connections.take(socket)
    if (!may) metrics.connectionCut('connections')
    return may
  }
}
