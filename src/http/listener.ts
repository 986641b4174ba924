import { createServer, STATUS_CODES, type RequestListener, type ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { systemClock } from '#base/clock.ts'
import { corsHeaders } from './cors.ts'

/** Slow or oversized requests are cut off; long polls and slow uploads of media are not. */
export const httpLimits = {
  /** Request line and headers together: a sync filter may be in the URL. */
  maxHeaderSize: 32_768,
  headersTimeout: 20_000,
  /** For the arrival of the whole request; waiting for the answer does not count. */
  requestTimeout: 300_000,
  /** Longer than what reverse proxies keep: they never reuse a connection that is just being closed. */
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 5000,
  /** Bytes of an unread body that are buffered at most. */
  highWaterMark: 16_384,
} satisfies ServerOptions

export type Listener = {
  port: number
  url: string
  /** Shows this certificate from now on, in the place of the one before; throws where it cannot be used. */
  renew(identity: Identity): void
  /** Stops accepting and waits for responses in progress, for half a second at most. */
  close(): Promise<void>
}

/** A certificate with its chain, and its private key, both PEM. */
export type Identity = { cert: string; key: string }

type ListenOptions = {
  host: string
  port: number
  limits?: ServerOptions
  tls?: Identity | undefined
  /** Whether a connection may stay. */
  admit?: (socket: Socket) => boolean
}

/** Serves on an address, with TLS where an identity is given; port 0 takes a free one. */
export async function listen(
  answer: RequestListener,
  { host, port, limits = {}, tls, admit }: ListenOptions,
): Promise<Listener> {
  const options = { ...httpLimits, ...limits, insecureHTTPParser: false }
  const tlsServer = tls && createTlsServer({ ...options, ...tls }, answer)
  const server = tlsServer ?? createServer(options, answer)
  server.on('clientError', (error: Error & { code?: string }, socket: Socket) => refuse(socket, error.code))
  // Before anything is made for it.
  if (admit) server.prependListener('connection', (socket: Socket) => void (admit(socket) || socket.destroy()))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve(server.off('error', reject) && undefined))
  })
  const taken = (server.address() as AddressInfo).port
  return {
    port: taken,
    renew: (identity) => tlsServer?.setSecureContext(identity),
    url: `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      const giveUp = new AbortController()
      // Socket timeouts run on real time, also under a fake clock.
      const patience = systemClock.sleep(500, giveUp.signal)
      await Promise.race([closed, patience])
      giveUp.abort()
      server.closeAllConnections()
      await closed
    },
  }
}

/** Answers requests that are not valid HTTP. */
function refuse(socket: Socket, code: string | undefined): void {
  if (code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const status = code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
  const body = JSON.stringify({ errcode: 'M_UNKNOWN', error: 'The request is not proper HTTP' })
  const headers = {
    ...corsHeaders,
    'content-type': 'application/json',
    'content-length': String(body.length),
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n'))
}
