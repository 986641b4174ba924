import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'

export type WebServer = AsyncDisposable & {
  port: number
  /** Requests as they came. */
  requests: { method: string; url: string; headers: IncomingMessage['headers'] }[]
  /** How many connections there were. */
  connections(): number
  /** The names that were asked for while connections were opened (SNI). */
  names: (string | false | null)[]
}

/** A web server on loopback, with TLS where an identity is given. */
export async function startWebServer(
  answer: RequestListener,
  identity?: { cert: string; key: string },
  host = '127.0.0.1',
): Promise<WebServer> {
  const requests: WebServer['requests'] = []
  const names: WebServer['names'] = []
  let connections = 0
  const listener: RequestListener = (request, response) => {
    requests.push({ method: request.method!, url: request.url!, headers: request.headers })
    answer(request, response)
  }
  const server = identity ? createTlsServer(identity, listener) : createServer(listener)
  // It is the client who ends idle connections.
  server.keepAliveTimeout = 60_000
  server.on('connection', () => connections++)
  server.on('secureConnection', (socket: Socket & { servername: string | false | null }) =>
    names.push(socket.servername),
  )
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    names,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
