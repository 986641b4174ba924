import { MatrixError, notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { ServerName } from '#protocol/ids.ts'
import type { Candidates } from './candidate-servers.ts'
import { RemoteError } from '#services/remote/remote-error.ts'

/** A client says which servers to enter through: others are asked only where none of these is there, or in the room. */
export async function tryCandidates<T>(
  ctx: Pick<Context, 'log'>,
  { named, known }: Candidates,
  attempt: (server: ServerName) => Promise<T>,
): Promise<T> {
  if (named.length === 0 || known.length === 0) return tryServers(ctx, [...named, ...known], attempt)
  try {
    return await tryServers(ctx, named, attempt)
  } catch (error) {
    if (!(error instanceof MatrixError) || (error.status < 500 && error.status !== 404)) throw error
    return tryServers(ctx, known, attempt)
  }
}

/**
 * Tries servers one after the other until one does what is asked. Where none does, the first that refused is believed,
 * since the others could not say; throws M_NOT_FOUND where there is none to ask.
 */
export async function tryServers<T>(
  ctx: Pick<Context, 'log'>,
  servers: readonly ServerName[],
  attempt: (server: ServerName) => Promise<T>,
): Promise<T> {
  let refusal: MatrixError | undefined
  let failure: MatrixError | undefined
  for (const server of servers) {
    try {
      return await attempt(server)
    } catch (error) {
      const told = errorFor(error)
      if (!told) throw error
      ctx.log.info('a server did not change a membership', { destination: server, error })
      if (told.status < 500) refusal ??= told
      else failure ??= told
    }
  }
  throw refusal ?? failure ?? notFound('No server is known that is in the room')
}

function errorFor(error: unknown): MatrixError | undefined {
  if (error instanceof MatrixError) return error
  if (!(error instanceof RemoteError)) return undefined
  const { errcode, fields } = error
  const told = error.toClientError()
  if (errcode !== 'M_INCOMPATIBLE_ROOM_VERSION' || typeof fields.room_version !== 'string') return told
  return new MatrixError(told.status, errcode, error.message, { fields: { room_version: fields.room_version } })
}
