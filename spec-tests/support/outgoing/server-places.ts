import type { RequestListener } from 'node:http'
import type { Log } from '#base/log.ts'
import { systemTokens } from '#base/tokens.ts'
import { httpsTransport } from '#services/remote/https-transport.ts'
import type { FederationAnswer, FederationTransport } from '#services/remote/transport.ts'
import { silent } from '../server/server.ts'
import type { TestAuthority } from './certificates.ts'
import { testOutgoing, type TestOutgoing } from './test-outgoing.ts'
import { startWebServer, type WebServer } from './web-server.ts'

/** A network of servers with certificates, and the transport that finds them. */
export type ServerPlaces = TestOutgoing & {
  transport: FederationTransport
  /** Serves at `host:port` with a certificate for these names. */
  serve(at: string, names: readonly string[], answer?: RequestListener): Promise<WebServer>
  /** Answers what a host says at `/.well-known/matrix/server`. */
  delegate(host: string, answer: RequestListener | string): Promise<WebServer>
  /** Asks a server for anything. */
  ask(destination: string, more?: { method?: 'GET' | 'PUT' | 'POST'; timeoutMs?: number }): Promise<FederationAnswer>
}

export function startPlaces(authority: TestAuthority, { log = silent as Log } = {}): ServerPlaces {
  const test = testOutgoing({ authorities: [authority.pem], allowed: ['127.0.0.0/8'] })
  const { outgoing, clock, network } = test
  const transport = httpsTransport({ outgoing, clock, tokens: systemTokens, log })
  const webs: WebServer[] = []
  const serve: ServerPlaces['serve'] = async (
    at,
    names,
    answer = (_request, response) => response.end(`{"at":"${at}"}`),
  ) => {
    const web = await startWebServer(answer, authority.identity(...names))
    webs.push(web)
    const host = at.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
    network.ports.set(`${host}:${at.slice(at.lastIndexOf(':') + 1)}`, web.port)
    if (!/^[\d.]+$|:/.test(host)) network.addresses.set(host, ['1.2.3.4'])
    return web
  }
  return {
    ...test,
    transport,
    serve,
    delegate: (host, answer) =>
      serve(
        `${host}:443`,
        [host],
        typeof answer === 'string'
          ? (_request, response) => response.end(JSON.stringify({ 'm.server': answer }))
          : answer,
      ),
    ask: (destination, { method = 'GET', timeoutMs = 3000 } = {}) =>
      transport.send({ destination, method, uri: '/_matrix/x', headers: {}, timeoutMs, maxBytes: 1000 }),
    async [Symbol.asyncDispose]() {
      await test[Symbol.asyncDispose]()
      for (const web of webs) await web[Symbol.asyncDispose]()
    },
  }
}
