import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { claimedByAnother, type Claim } from '#store/engine/claim.ts'

const lockKey = 7_204_312
const retryMs = 1000
/** How long the database may be unreachable, as during a restart, before the server stops. */
const maxAwayMs = 60_000

/**
 * Claims a database by an advisory lock on a connection of its own. When that connection breaks the lock is taken
 * again; it is lost when another process took it meanwhile, even for a moment: `deployment.epoch` counts the claims.
 */
export async function claimPostgres(url: string): Promise<Claim> {
  const first = await connect(url)
  let held = first.client
  let isReleased = false
  const lost = Promise.withResolvers<Error>()
  const watch = ({ client, epoch }: Held): void => {
    held = client
    client.once('end', () => {
      if (isReleased) return
      reconnect(url, epoch).then(watch, lost.resolve)
    })
  }
  watch(first)
  return {
    lost: lost.promise,
    async release() {
      isReleased = true
      await held.end()
    },
  }
}

type Held = { client: pg.Client; epoch: number }

async function connect(url: string, expected?: number): Promise<Held> {
  const client = new pg.Client({ connectionString: url, keepAlive: true, application_name: 'myelin claim' })
  client.on('error', () => {}) // 'end' follows
  await client.connect()
  try {
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [lockKey])
    if (rows[0]?.taken !== true) throw claimedByAnother()
    const before = await epochOf(client, 'select epoch from deployment')
    if (expected !== undefined && before !== expected) throw claimedByAnother()
    return { client, epoch: await epochOf(client, 'update deployment set epoch = epoch + 1 returning epoch') }
  } catch (error) {
    await client.end()
    throw error
  }
}

async function epochOf(client: pg.Client, sql: string): Promise<number> {
  const { rows } = await client.query<{ epoch: string | number }>(sql)
  return Number(rows[0]?.epoch ?? 0)
}

async function reconnect(url: string, epoch: number): Promise<Held> {
  for (let away = 0; ; away += retryMs) {
    try {
      return await connect(url, epoch)
    } catch (error) {
      if ((error as Error).message === claimedByAnother().message || away >= maxAwayMs) throw error
      await sleep(retryMs)
    }
  }
}
