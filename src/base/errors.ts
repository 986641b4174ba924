/** A refusal with the Matrix error code and status the specification names; anything else thrown is a bug and becomes M_UNKNOWN 500. */
export class MatrixError extends Error {
  readonly status: number
  readonly errcode: string
  readonly fields: Record<string, unknown>
  readonly headers: Record<string, string>

  // eslint-disable-next-line max-params -- the parts of every refusal, in the order people say them
  constructor(status: number, errcode: string, message: string, extra: ErrorExtra = {}) {
    super(message)
    this.name = 'MatrixError'
    this.status = status
    this.errcode = errcode
    this.fields = extra.fields ?? {}
    this.headers = extra.headers ?? {}
  }

  /** The JSON body as clients get it. */
  body(): Record<string, unknown> {
    return { ...this.fields, errcode: this.errcode, error: this.message }
  }
}

export type ErrorExtra = { fields?: Record<string, unknown>; headers?: Record<string, string> }

type Maker = (message?: string, extra?: ErrorExtra) => MatrixError
const maker =
  (status: number, errcode: string, fallback: string): Maker =>
  (message = fallback, extra) =>
    new MatrixError(status, errcode, message, extra)

export const forbidden = maker(403, 'M_FORBIDDEN', 'Forbidden')
export const notFound = maker(404, 'M_NOT_FOUND', 'Not found')
export const unrecognized = maker(404, 'M_UNRECOGNIZED', 'Unrecognized request')
export const methodNotAllowed = maker(405, 'M_UNRECOGNIZED', 'Unrecognized request')
export const notJson = maker(400, 'M_NOT_JSON', 'The body is not JSON')
export const badJson = maker(400, 'M_BAD_JSON', 'The JSON is not of the expected form')
export const missingParam = maker(400, 'M_MISSING_PARAM', 'A required parameter is missing')
export const invalidParam = maker(400, 'M_INVALID_PARAM', 'A parameter has an invalid value')
export const tooLarge = maker(413, 'M_TOO_LARGE', 'The request or event is too large')
export const missingToken = maker(401, 'M_MISSING_TOKEN', 'Missing access token')
export const userInUse = maker(400, 'M_USER_IN_USE', 'The user id is taken')
export const invalidUsername = maker(400, 'M_INVALID_USERNAME', 'The user id is not valid')
export const exclusive = maker(400, 'M_EXCLUSIVE', 'The id belongs to an application service')
export const roomInUse = maker(400, 'M_ROOM_IN_USE', 'The room alias is taken')
export const aliasTaken = maker(409, 'M_UNKNOWN', 'The room alias is taken')
export const badAlias = maker(400, 'M_BAD_ALIAS', 'The alias does not point to the room')
export const serverNotTrusted = maker(403, 'M_SERVER_NOT_TRUSTED', 'There is no identity server to ask for other ids')
export const inviteBlocked = maker(403, 'M_INVITE_BLOCKED', 'The user takes no invites')
export const duplicateAnnotation = maker(400, 'M_DUPLICATE_ANNOTATION', 'You have annotated the event so already')
export const unsupportedRoomVersion = maker(400, 'M_UNSUPPORTED_ROOM_VERSION', 'The room version is not supported')
export const invalidRoomState = maker(400, 'M_INVALID_ROOM_STATE', 'The initial state is not valid')
export const userDeactivated = maker(403, 'M_USER_DEACTIVATED', 'The account is deactivated')
export const weakPassword = maker(400, 'M_WEAK_PASSWORD', 'The password is too weak')
export const unableToAuthoriseJoin = maker(400, 'M_UNABLE_TO_AUTHORISE_JOIN', 'This server cannot check the conditions')
export const unableToGrantJoin = maker(400, 'M_UNABLE_TO_GRANT_JOIN', 'Nobody on this server may let users in')
export const membersMissing = maker(503, 'M_UNKNOWN', 'The members of the room are still being fetched')
export const unknown = maker(400, 'M_UNKNOWN', 'Unknown error')

/** Says which version the room has. */
export const incompatibleRoomVersion = (version: string): MatrixError =>
  new MatrixError(400, 'M_INCOMPATIBLE_ROOM_VERSION', 'The room has a version that is not supported', {
    fields: { room_version: version },
  })

/** 401; a soft logout means that the device still exists. */
export const unknownToken = (message = 'Unknown or expired access token', softLogout = false): MatrixError =>
  new MatrixError(401, 'M_UNKNOWN_TOKEN', message, { fields: { soft_logout: softLogout } })

/** 429 with the wait both ways that clients read it. */
export const limitExceeded = (retryAfterMs: number): MatrixError =>
  new MatrixError(429, 'M_LIMIT_EXCEEDED', 'Too many requests', {
    fields: { retry_after_ms: Math.ceil(retryAfterMs) },
    headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) },
  })
