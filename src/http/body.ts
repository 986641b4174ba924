import type { IncomingMessage } from 'node:http'
import { badJson, MatrixError, notJson, tooLarge } from '#base/errors.ts'
import { JsonError, parseStrictJson } from '#protocol/json/parse-json.ts'

export type BodyLimits = { bytes: number; depth: number }

/** Reads a request's JSON object; an absent body counts as {}, whatever the content type says. */
export async function readJsonBody(request: IncomingMessage, limits: BodyLimits): Promise<Record<string, unknown>> {
  refuseEncoding(request)
  const bytes = await readBytes(request, limits.bytes)
  return bytes.length === 0 ? {} : parseBody(bytes, limits.depth)
}

function parseBody(bytes: Buffer, maxDepth: number): Record<string, unknown> {
  try {
    const value = parseStrictJson(bytes, { maxDepth })
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badJson('The body is no JSON object')
    return value
  } catch (error) {
    if (error instanceof JsonError) throw error.kind === 'not-json' ? notJson() : badJson(error.message)
    throw error
  }
}

/** A compressed body could unpack to any size, and no client sends one. */
function refuseEncoding(request: IncomingMessage): void {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding.trim().toLowerCase() !== 'identity')
    throw new MatrixError(415, 'M_UNKNOWN', 'Bodies must not be compressed')
}

/** The whole body, refused as soon as it is known to exceed the limit. */
function readBytes(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limit) return Promise.reject(refuseRest(request, limit))
  if (request.destroyed) return Promise.reject(clientGone())
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size <= limit) return void chunks.push(chunk)
      request.off('data', onData)
      reject(refuseRest(request, limit))
    }
    request.on('data', onData)
    let ended = false
    request.on('end', () => {
      ended = true
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks))
    })
    // A client that goes away is no error to a request that nobody asks for errors.
    request.on('close', () => void (ended || reject(clientGone())))
  })
}

const clientGone = () => new Error('The client went away')

/** Lets a moderately large rest flow away, so that the client gets to read the refusal; cuts a flood off. */
function refuseRest(request: IncomingMessage, limit: number): MatrixError {
  let rest = 8 * limit
  request.on('error', () => {})
  request.on('data', (chunk: Buffer) => {
    rest -= chunk.length
    if (rest < 0) request.destroy()
  })
  return tooLarge('The body is too large')
}
