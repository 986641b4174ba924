import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerName } from '#protocol/ids.ts'
import type { FederationRequest } from '#services/remote/transport.ts'
import type { TestNetwork } from './network.ts'

/** Holds back what servers answer when they are asked for the state of a room. */
export type HeldState = {
  /** Resolves once somebody has asked. */
  asked: Promise<void>
  /** From now on all is let through. */
  release(): void
}

/** Begins to hold back answers to `/state_ids` and `/state`, of these servers only where any are named. */
export function holdState(network: TestNetwork, ...servers: ServerName[]): HeldState {
  const asked = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  network.interceptor = async (_from, request, send) => {
    if (isOfState(request) && (servers.length === 0 || servers.includes(request.destination))) {
      asked.resolve()
      await Promise.race([released.promise, aborted(request.signal)])
    }
    return send(request)
  }
  return { asked: asked.promise, release: released.resolve }
}

const isOfState = ({ uri }: FederationRequest): boolean => /^\/_matrix\/federation\/v1\/state(_ids)?\//.test(uri)

const aborted = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_resolve, reject) =>
    signal?.addEventListener('abort', () => reject(new Error('Aborted')), { once: true }),
  )

/** Waits, in real time, until something has come about. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await isSo()) return
    await sleep(50)
  }
  throw new Error('It did not come about')
}
