import { pino, stdTimeFunctions, type DestinationStream } from 'pino'
import type { Config } from './config/schema.ts'
import { loggedError } from './logged-error.ts'

type Write = (message: string, fields?: Record<string, unknown>) => void

/** JSON lines for operators: messages are constant, variable parts are fields. Never tokens, bodies or message text. */
export type Log = {
  error: Write
  warn: Write
  info: Write
  debug: Write
  /** A log whose lines all carry these fields. */
  child(fields: Record<string, unknown>): Log
}

export type LogOptions = {
  level: Config['logging']['level']
  /** Where lines go. It may neither throw nor wait. */
  destination: DestinationStream
  /** The id of the request that is being answered, if one is. */
  requestId?: () => string | undefined
}

/** Field names that never reach the output, at the top or one level down; a slip of a caller must not leak a secret. */
const SECRET_FIELDS = [
  'access_token',
  'accessToken',
  'refresh_token',
  'refreshToken',
  'token',
  'password',
  'new_password',
  'authorization',
  'cookie',
  'secret',
  'shared_secret',
  'body',
  'content',
]

/** The log of one server. */
export function createLog({ level, destination, requestId }: LogOptions): Log {
  const options = {
    level,
    base: undefined,
    messageKey: 'message',
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    serializers: { error: loggedError, cause: loggedError },
    mixin: () => {
      const id = requestId?.()
      return id === undefined ? {} : { request_id: id }
    },
  }
  return fromPino(pino(options, destination))
}

/** Structural, so that children wrap alike. */
type Lines = Pick<ReturnType<typeof pino>, 'error' | 'warn' | 'info' | 'debug' | 'child'>

function fromPino(lines: Lines): Log {
  return {
    error: (message, fields) => lines.error(fields ?? {}, message),
    warn: (message, fields) => lines.warn(fields ?? {}, message),
    info: (message, fields) => lines.info(fields ?? {}, message),
    debug: (message, fields) => lines.debug(fields ?? {}, message),
    child: (fields) => fromPino(lines.child(fields)),
  }
}

/** Events of the domain, logged at debug level. */
export const accountCreated = (log: Log, account: { userId: string; kind: 'user' | 'guest' | 'appservice' }): void =>
  log.debug('account created', { user_id: account.userId, kind: account.kind })

export const roomCreated = (log: Log, room: { roomId: string; version: string; creator: string }): void =>
  log.debug('room created', { room_id: room.roomId, room_version: room.version, creator: room.creator })
