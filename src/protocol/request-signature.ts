import { sign, verify } from 'node:crypto'
import { canonicalJson, CanonicalJsonError } from './json/canonical-json.ts'
import type { JsonValue } from './events/event.ts'
import { isValidServerName, type ServerName } from './ids.ts'
import type { SigningKey, VerifyKey } from './events/signing-key.ts'
import { decodeUnpaddedBase64, encodeUnpaddedBase64 } from './unpadded-base64.ts'

/** What the signature of a request covers. `uri`: path and query exactly as sent. */
export type SignedRequest = {
  method: string
  uri: string
  origin: ServerName
  destination: ServerName
  /** Absent where the request has no JSON body. */
  content?: JsonValue | undefined
}

export type RequestWithBody = Omit<SignedRequest, 'content'> & { body: string | undefined }

/** An `Authorization` header of the `X-Matrix` scheme. */
export type RequestSignature = {
  origin: ServerName
  /** Absent from servers of before Matrix 1.3. */
  destination: ServerName | undefined
  keyId: string
  signature: string
}

/** The `Authorization` header of a request in our name. https://spec.matrix.org/v1.19/server-server-api/#request-authentication */
export function authorizationHeader({ content, ...request }: SignedRequest, key: SigningKey): string {
  return authorizationOfBody({ ...request, body: bodyOf(content) }, key)
}

/** The same of a request whose body is the canonical JSON of its content. */
export function authorizationOfBody(request: RequestWithBody, key: SigningKey): string {
  const signature = encodeUnpaddedBase64(sign(null, Buffer.from(signedText(request)), key.privateKey))
  const { origin, destination } = request
  return `X-Matrix origin="${origin}",destination="${destination}",key="${key.keyId}",sig="${signature}"`
}

/** Whether the request bears this key's true signature. */
export function verifyRequest({ content, ...request }: SignedRequest, signature: string, key: VerifyKey): boolean {
  const bytes = decodeUnpaddedBase64(signature)
  if (bytes === undefined) return false
  try {
    return verify(null, Buffer.from(signedText({ ...request, body: bodyOf(content) })), key.publicKey, bytes)
  } catch (error) {
    if (error instanceof CanonicalJsonError) return false
    throw error
  }
}

/** Reads the header; undefined when it is of another scheme, malformed, or says something twice. */
export function parseAuthorization(header: string): RequestSignature | undefined {
  const scheme = /^X-Matrix +/i.exec(header)
  if (!scheme) return undefined
  const parameters = parseParameters(header.slice(scheme[0].length))
  const origin = parameters?.get('origin')
  const destination = parameters?.get('destination')
  const keyId = parameters?.get('key')
  const signature = parameters?.get('sig')
  if (!origin || !isValidServerName(origin) || !keyId?.startsWith('ed25519:') || !signature) return undefined
  return { origin, destination, keyId, signature }
}

const bodyOf = (content: JsonValue | undefined): string | undefined =>
  content === undefined ? undefined : canonicalJson(content, 'as-sent')

/** In canonical JSON `content` comes before the other keys. */
function signedText({ method, uri, origin, destination, body }: RequestWithBody): string {
  const signed = canonicalJson({ method, uri, origin, destination })
  return body === undefined ? signed : `{"content":${body},${signed.slice(1)}`
}

// A value is a quoted string or a token; unquoted values with colons come from older servers.
const parameter = /[ \t]*([0-9A-Za-z!#$%&'*+.^_`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))[ \t]*(?:,|$)/y

/** The parameters by name in lower case; undefined for what does not parse, or repeats a name. */
function parseParameters(text: string): Map<string, string> | undefined {
  const found = new Map<string, string>()
  let at = 0
  while (at < text.length) {
    parameter.lastIndex = at
    const match = parameter.exec(text)
    if (!match) return undefined
    const [, name = '', quoted, token] = match
    if (found.has(name.toLowerCase())) return undefined
    found.set(name.toLowerCase(), quoted === undefined ? (token ?? '') : quoted.replace(/\\(.)/g, '$1'))
    at = parameter.lastIndex
  }
  return found
}
