/** An error as the log shows it. */
export type LoggedError = {
  type: string
  message: string
  code?: string | undefined
  constraint?: string | undefined
  table?: string | undefined
  stack?: string | undefined
  cause?: unknown
  errors?: unknown[]
}

/**
 * Without user content: messages, details and conditions of database errors quote the values of the row, which may be
 * content, account data or password hashes, so of these only code, constraint and table are logged.
 */
export function loggedError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { name: type, code, cause } = error as Error & { code?: unknown }
  const inner = {
    ...(typeof code === 'string' && { code }),
    ...(cause !== undefined && { cause: loggedError(cause) }),
    ...(error instanceof AggregateError && { errors: error.errors.map(loggedError) }),
  }
  if (!isOfDatabase(error)) return { type, message: error.message, stack: error.stack, ...inner } satisfies LoggedError
  const { constraint, table } = error
  const stack = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return {
    type: 'DatabaseError',
    message: 'The database refused a statement',
    ...inner,
    ...(typeof constraint === 'string' && { constraint }),
    ...(typeof table === 'string' && { table }),
    stack: stack.join('\n'),
  } satisfies LoggedError
}

type DatabaseError = Error & { constraint?: unknown; table?: unknown }

/** As PostgreSQL's driver throws them, whose class no layer but the store knows; SQLite's say `ERR_SQLITE_...`. */
const isOfDatabase = (error: Error & { severity?: unknown; code?: unknown }): error is DatabaseError =>
  typeof error.severity === 'string' || (typeof error.code === 'string' && error.code.includes('SQLITE'))
