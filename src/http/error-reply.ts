import { MatrixError } from '#base/errors.ts'
import type { Log } from '#base/log.ts'

export type ErrorReply = { status: number; headers: Record<string, string>; text: string }

/** What the client gets for anything thrown. Only refusals speak for themselves: a bug is logged and says nothing. */
export function errorReply(error: unknown, { log, path }: { log: Log; path: string }): ErrorReply {
  if (error instanceof MatrixError)
    return { status: error.status, headers: error.headers, text: JSON.stringify(error.body()) }
  log.error('request failed', { error, path })
  return { status: 500, headers: {}, text: internalError }
}

const internalError = JSON.stringify({ errcode: 'M_UNKNOWN', error: 'Internal server error' })
