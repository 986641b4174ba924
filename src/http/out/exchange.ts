import { request as askPlainly, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as askSecurely } from 'node:https'
import { isIP, type Socket } from 'node:net'
import { OutgoingError, type OutgoingRequest } from '#base/outgoing.ts'
import type { Agents } from './agents.ts'
import type { Hop } from './hop.ts'

type Asked = Pick<OutgoingRequest, 'method' | 'body'> & {
  headers: Readonly<Record<string, string>>
  signal: AbortSignal
}

/** Of the answer, in bytes. */
const maxHeadersSize = 16_384
/** Each finds one connection that the other side had closed meanwhile; more than a place may have idle. */
const maxStale = 20

/** Sends one request to one place and resolves with the head of the answer. */
export async function exchange(agents: Agents, hop: Hop, asked: Asked): Promise<IncomingMessage> {
  for (let stale = 0; ; stale++) {
    const { error, response, isReused } = await attempt(agents, hop, asked)
    if (response) return response
    // Where it was closed before an answer began, what changes nothing when it is done twice may be sent again.
    if (!isReused || asked.signal.aborted || asked.method === 'POST' || stale >= maxStale) throw error
  }
}

type Attempt = { response?: IncomingMessage; error?: OutgoingError; isReused: boolean }

function attempt(agents: Agents, hop: Hop, { method, body, headers, signal }: Asked): Promise<Attempt> {
  const { host, port, path, certificateName, hostHeader, isPlain } = hop
  const options: RequestOptions & { servername?: string } = {
    method,
    host,
    port,
    path,
    headers: { ...headers, ...lengthOf(body), host: hostHeader, 'accept-encoding': 'identity' },
    setHost: false,
    maxHeaderSize: maxHeadersSize,
    insecureHTTPParser: false,
    signal,
    agent: isPlain ? agents.http : agents.https,
    // No name is sent for an address, which is then what the certificate is compared with.
    ...(!isPlain && { servername: isIP(certificateName) ? '' : certificateName }),
  }
  return new Promise((resolve) => {
    let isSent = false
    const request = isPlain ? askPlainly(options) : askSecurely(options)
    request.once('socket', () => (isSent = true))
    request.once('response', (response) => resolve({ response, isReused: request.reusedSocket }))
    // Nothing that was not asked for is spoken with.
    request.once('upgrade', (_response, socket: Socket) => {
      socket.destroy()
      resolve({ error: new OutgoingError('It changes the protocol', { isUnsent: false }), isReused: false })
    })
    request.on('error', (cause: NodeJS.ErrnoException) => {
      const isReused = request.reusedSocket && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE')
      resolve({ error: asOutgoing(cause, !isSent), isReused })
    })
    request.end(body)
  })
}

const lengthOf = (body: string | Uint8Array | undefined): Record<string, string> =>
  body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }

/** What is thrown to callers; the reason of an abort is an OutgoingError already. */
export function asOutgoing(error: unknown, isUnsent: boolean): OutgoingError {
  if (error instanceof OutgoingError) return error
  const { code, message } = error as NodeJS.ErrnoException
  return new OutgoingError(code === undefined ? message : `${code}: ${message}`, { isUnsent, cause: error })
}
