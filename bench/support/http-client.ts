import { Agent, request as httpRequest } from 'node:http'
import { Agent as TlsAgent, request as httpsRequest } from 'node:https'

export type Answer = { status: number; body: Record<string, unknown>; bytes: number }
export type Ask = {
  method: string
  path: string
  body?: unknown
  /** Of a user. */
  token?: string | undefined
  /** The whole header, of a server. */
  authorization?: string | undefined
}

/** Requests over kept-alive connections, as many at once as callers make. */
export class HttpClient {
  readonly #url: URL
  readonly #agent: Agent

  /** `localAddress`: whom the server sees, of 127.0.0.0/8 on loopback. */
  constructor(url: string, localAddress?: string) {
    this.#url = new URL(url)
    const settings = { keepAlive: true, maxSockets: 20_000, ...(localAddress !== undefined && { localAddress }) }
    this.#agent = this.#url.protocol === 'https:' ? new TlsAgent(settings) : new Agent(settings)
  }

  ask({ method, path, body, token, authorization }: Ask): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers: Record<string, string | number> = {}
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`
    if (authorization !== undefined) headers['authorization'] = authorization
    if (text !== undefined)
      Object.assign(headers, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    const send = this.#url.protocol === 'https:' ? httpsRequest : httpRequest
    return new Promise((resolve, reject) => {
      const request = send(
        { host: this.#url.hostname, port: this.#url.port, method, path, headers, agent: this.#agent },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () => {
            const bytes = Buffer.concat(chunks)
            try {
              resolve({
                status: response.statusCode ?? 0,
                body: JSON.parse(bytes.toString()) as Answer['body'],
                bytes: bytes.length,
              })
            } catch {
              reject(new Error(`${method} ${path} answered ${response.statusCode} without JSON`))
            }
          })
        },
      )
      request.on('error', reject)
      request.end(text)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
