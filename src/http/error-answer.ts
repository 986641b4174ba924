import { MatrixError } from '#base/errors.ts'
import type { Log } from '#base/log.ts'
import { jsonAnswer, type Answer } from './send-answer.ts'

/** The response to any thrown error. Only refusals are shown: a bug is logged and becomes M_UNKNOWN without details. */
export function errorAnswer(error: unknown, { log, path }: { log: Log; path: string }): Answer {
  if (error instanceof MatrixError) return jsonAnswer(JSON.stringify(error.body()), error)
  log.error('request failed', { error, path })
  return jsonAnswer(internalError, { status: 500 })
}

const internalError = JSON.stringify({ errcode: 'M_UNKNOWN', error: 'Internal server error' })
