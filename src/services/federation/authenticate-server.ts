import { forbidden, MatrixError } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonValue } from '#protocol/events/event.ts'
import { parseAuthorization, verifyRequest } from '#protocol/request-signature.ts'
import type { ServerName } from '#protocol/ids.ts'

type Needs = Pick<Context, 'config' | 'clock' | 'keyRing' | 'serverAccess'>

/** What of a request is signed, and the header that bears the signature. */
export type ServerCredentials = {
  method: string
  uri: string
  /** Every value of the `Authorization` header. */
  authorization: readonly string[]
  content: JsonValue | undefined
}

const unauthorized = (message: string) => new MatrixError(401, 'M_UNAUTHORIZED', message)

/**
 * The server that signed the request; throws 401 M_UNAUTHORIZED where that is not proven, 403 where it is not talked to.
 * https://spec.matrix.org/v1.19/server-server-api/#request-authentication
 */
export async function authenticateServer(
  { config, clock, keyRing, serverAccess }: Needs,
  { method, uri, authorization, content }: ServerCredentials,
): Promise<ServerName> {
  const [header, ...more] = authorization
  if (header === undefined) throw unauthorized('The request is not signed')
  // Which of several counts would be our choice, and not that of whoever signed.
  if (more.length > 0) throw unauthorized('The request has several Authorization headers')
  const signed = parseAuthorization(header)
  if (!signed) throw unauthorized('The Authorization header is malformed')
  const { origin, destination = config.server_name, keyId, signature } = signed
  if (destination !== config.server_name) throw unauthorized('The request is signed for another server')
  if (origin === config.server_name) throw unauthorized('The request claims to be from this server')
  if (!serverAccess(origin)) throw forbidden('Federation with this server is switched off')
  const key = await keyRing.find(origin, keyId)
  if (!key || key.expiredAt !== undefined || key.validUntil <= clock.now())
    throw unauthorized('The key of the signature is unknown or no longer valid')
  if (!verifyRequest({ method, uri, origin, destination, content }, signature, key))
    throw unauthorized('The signature of the request is wrong')
  return origin
}
