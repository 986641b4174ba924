import { isIP, type LookupFunction, type Socket } from 'node:net'
import { systemClock } from '#base/clock.ts'
import { OutgoingError } from '#base/outgoing.ts'
import type { Network } from './network.ts'
import type { CachingResolver } from './resolver.ts'

export type Dialing = {
  network: Network
  resolver: CachingResolver
  /** Whether a connection to this address may be made. */
  isAllowed(address: string): boolean
}

/** Errors between two owners of a socket: whoever takes it next sees that it is closed. */
export const ignore = (): void => {}

/** For one address, before the next is tried beside it. */
const attemptMs = 500
/** For the connection, and again for the handshake of TLS. */
const patienceMs = 10_000

/**
 * Opens a TCP connection. The addresses are checked here, where nothing comes between the check and the connection: a
 * name that had a public address a moment ago may have a private one now.
 */
export async function dial({ network, resolver, isAllowed }: Dialing, host: string, port: number): Promise<Socket> {
  // `127.1`, `0177.0.0.1` and `2130706433` are addresses to some resolvers.
  if (isIP(host) === 0 && /(?:^|\.)(?:\d+|0x[\da-f]*)\.?$/i.test(host)) throw refused(`${host} is no host name`)
  const found = isIP(host) === 0 ? await resolver.addresses(host) : [host]
  const addresses = found.filter(isAllowed)
  if (addresses.length === 0) throw refused(`${host} has no public address`)
  const lookup: LookupFunction = (_host, _options, answer) =>
    answer(
      null,
      addresses.map((address) => ({ address, family: isIP(address) })),
    )
  const happyEyeballs = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: attemptMs }
  return network.connect({ host, port, lookup, ...happyEyeballs, noDelay: true }).on('error', ignore)
}

/** Resolves once the socket says that it is ready; ends it where that takes too long. */
export async function readiness(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onReady = () => resolve()
  const onClose = () => reject(refused('The connection was closed'))
  const cancel = systemClock.after(patienceMs, () => reject(refused('The connection took too long')))
  socket.once(event, onReady).once('error', reject).once('close', onClose)
  try {
    await promise
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    cancel()
    socket.off(event, onReady).off('error', reject).off('close', onClose)
  }
}

const refused = (message: string) => new OutgoingError(message, { isUnsent: true })
