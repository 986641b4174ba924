import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { systemClock } from '#base/clock.ts'
import type { Config } from '#base/config/schema.ts'
import { badJson, MatrixError, notJson, tooLarge } from '#base/errors.ts'
import { JsonError, parseStrictJson } from '#protocol/json/parse-json.ts'
import { bodyLimits } from './body-sizes.ts'
import { closing, type Claim } from './arriving-bytes.ts'
import { GatheredBytes } from './gathered-bytes.ts'
import type { Endpoint } from './endpoint.ts'
import { jsonStructure } from './json-structure.ts'

/** `bytes`: the most accepted. `timeoutMs`: how long it may take to arrive. */
export type BodyLimits = { bytes: number; timeoutMs: number; claim: Claim }
export type JsonLimits = BodyLimits & { depth: number; values: number; largeIntegers: boolean }

/** What the body of an endpoint may cost. */
export function jsonLimits(
  { maxBody, auth }: Pick<Endpoint, 'maxBody' | 'auth'>,
  { limits }: Config,
  claim: Claim,
): JsonLimits {
  const { json_depth: depth, json_values: values, body_timeout_ms: timeoutMs } = limits
  // One event with such a number is refused by itself, not the request that it came in.
  const largeIntegers = auth === 'server'
  const bytes = limits[bodyLimits[maxBody]]
  // Each of its events may hold a value every other byte, and its sender could never get past one that is refused.
  const isTransaction = maxBody === 'transaction'
  return { bytes, timeoutMs, claim, depth, values: isTransaction ? bytes / 2 : values, largeIntegers }
}

/** Reads a request's JSON object; an absent body counts as {}, whatever the content type says. */
export async function readJsonBody(request: IncomingMessage, limits: JsonLimits): Promise<Record<string, unknown>> {
  refuseEncoding(request)
  const bytes = await readBytes(request, limits)
  return bytes.length === 0 ? {} : parseBody(bytes, limits)
}

function parseBody(bytes: Buffer, { depth, values, largeIntegers }: JsonLimits): Record<string, unknown> {
  // A value takes a byte at least, but parsed values cost far more memory than their bytes.
  if (bytes.length > values) {
    const found = jsonStructure(bytes)
    if (found.depth > depth) throw badJson('The JSON is nested too deeply')
    if (found.values > values) throw tooLarge('The body holds too many values')
  }
  try {
    const value = parseStrictJson(bytes, { maxDepth: depth, largeIntegers })
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

/** The whole body, refused as soon as it is known to exceed a limit. */
export async function readBytes(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const { bytes, claim } = limits
  const announced = announcedBytes(request)
  if ((announced ?? 0) > bytes) throw refuseRest(request, tooLarge('The body is too large'))
  if (request.destroyed) throw clientGone()
  const whole = arrivedWhole(request, announced)
  if (whole) return whole
  try {
    return await gather(request, { ...limits, announced })
  } catch (error) {
    throw error instanceof MatrixError ? refuseRest(request, error) : error
  } finally {
    claim.release()
  }
}

/** A body that came in one packet with its head is there when the request is answered: no listener has to wait for it. */
function arrivedWhole(request: IncomingMessage, announced: number | undefined): Buffer | undefined {
  if (announced === undefined || announced === 0 || request.readableLength !== announced) return undefined
  const whole = request.read() as Buffer | null
  // Nothing comes any more but the end, which lets go of the request.
  request.resume()
  return whole ?? undefined
}

function gather(request: Readable, { announced, bytes, claim, timeoutMs }: Gathering): Promise<Buffer> {
  return new Promise<Buffer>((resolve, reject) => {
    let whole: Buffer | undefined
    let isSettled = false
    const gathered = new GatheredBytes(claim, announced ?? bytes)
    const end = (settle: () => void) => {
      isSettled = true
      cancel()
      request.off('data', onData)
      settle()
    }
    const onData = (chunk: Buffer) => {
      // Nearly every body arrives in one chunk.
      if (chunk.length === announced) return void (whole = chunk)
      const refusal = gathered.size + chunk.length > bytes ? tooLarge('The body is too large') : gathered.add(chunk)
      if (refusal) end(() => reject(refusal))
    }
    // Socket timeouts run on real time, also under a fake clock.
    const cancel = systemClock.after(timeoutMs, () => end(() => reject(bodyTimeout())))
    request.on('data', onData)
    request.on('end', () => end(() => resolve(whole ?? gathered.bytes)))
    // A client that disconnects is no error of the server. Every request closes, and an error with its stack is dear.
    request.on('close', () => isSettled || end(() => reject(clientGone())))
  })
}

type Gathering = BodyLimits & { announced: number | undefined }

/** Discards a body that the endpoint does not use: unread, its chunks would stay in memory. */
export function discardBody(request: IncomingMessage): void {
  if (request.headers['transfer-encoding'] === undefined && (announcedBytes(request) ?? 0) === 0) return
  drain(request)
}

function announcedBytes({ headers }: IncomingMessage): number | undefined {
  return headers['content-length'] === undefined ? undefined : Number(headers['content-length'])
}

const clientGone = () => new Error('The client went away')
const bodyTimeout = () => closing(new MatrixError(408, 'M_UNKNOWN', 'The body did not arrive in time'))

/** Discards the rest of a moderately large body, so that the client gets to read the refusal. */
function refuseRest(request: IncomingMessage, refusal: MatrixError): MatrixError {
  drain(request)
  return refusal
}

const maxDrained = 2_097_152

/** Reads and discards; closes the connection when it is too much. */
function drain(request: Readable): void {
  let rest = maxDrained
  request.on('error', () => {})
  request.on('data', (chunk: Buffer) => {
    rest -= chunk.length
    if (rest < 0) request.destroy()
  })
}
