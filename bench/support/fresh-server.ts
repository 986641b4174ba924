import { startOwnServer, type OwnServer, type OwnServerOptions } from './own-server.ts'
import { temporaryDatabase } from './temporary-database.ts'

/** Our own server on data of its own, empty or a copy: SQLite, or a new database of the PostgreSQL named. */
export async function startFreshServer({ database, ...options }: OwnServerOptions): Promise<OwnServer> {
  const temporary = database === undefined ? undefined : await temporaryDatabase(database, options.copied?.database)
  const server = await startOwnServer({ ...options, database: temporary?.url }).catch(async (error: unknown) => {
    await temporary?.drop()
    throw error
  })
  return {
    ...server,
    async end() {
      server.target.http.close()
      await server.end()
    },
    async stop() {
      server.target.http.close()
      await server.stop()
      await temporary?.drop()
    },
  }
}
