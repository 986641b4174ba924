import { systemClock, type Clock } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import { OutgoingError, type Outgoing } from '#base/outgoing.ts'
import type { Tokens } from '#base/tokens.ts'
import { Discovery, type Route } from './discovery.ts'
import type { FederationAnswer, FederationRequest, FederationTransport } from './transport.ts'

type Needs = { outgoing: Outgoing; clock: Clock; tokens: Tokens; log: Log }

/** Speaks HTTPS to other servers where discovery finds them. */
export function httpsTransport(ctx: Needs): FederationTransport {
  const discovery = new Discovery(ctx)
  return {
    async send(request) {
      const until = systemClock.now() + request.timeoutMs
      const route = await unlessLate(discovery.find(request.destination), request)
      try {
        return await tryAll(ctx.outgoing, route, { ...request, until })
      } catch (error) {
        if (error instanceof OutgoingError && error.isUnsent) discovery.doubt(request.destination)
        throw error
      }
    },
    // What it uses is closed by its owner.
    close: async () => {},
  }
}

/** Goes on to the next place only where it is certain that nothing was sent: what is asked twice may be done twice. */
async function tryAll(
  outgoing: Outgoing,
  route: Route,
  { uri: path, destination: _, until, ...request }: FederationRequest & { until: number },
): Promise<FederationAnswer> {
  let failure: unknown
  for (const place of route) {
    const timeoutMs = until - systemClock.now()
    if (timeoutMs <= 0) break
    try {
      return await outgoing.fetch({ ...request, to: { ...place, path }, timeoutMs })
    } catch (error) {
      failure = error
      if (!(error instanceof OutgoingError) || !error.isUnsent || request.signal?.aborted) break
    }
  }
  throw failure ?? new OutgoingError('It says that it is not served anywhere', { isUnsent: true })
}

/** Others may wait for the same search, so that it goes on. */
function unlessLate<T>(search: Promise<T>, { timeoutMs, signal }: FederationRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new OutgoingError('The server was not found in time', { isUnsent: true }))
    if (signal?.aborted) giveUp()
    const cancel = systemClock.after(timeoutMs, giveUp)
    signal?.addEventListener('abort', giveUp, { once: true })
    search.then(resolve, reject).finally(() => {
      cancel()
      signal?.removeEventListener('abort', giveUp)
    })
  })
}
