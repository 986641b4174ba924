import { MatrixError, notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { ServerName } from '#protocol/ids.ts'
import { RemoteError } from '#services/remote/remote-error.ts'

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
