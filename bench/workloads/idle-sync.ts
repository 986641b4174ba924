import { processFigures, processorSeconds, round } from '../support/statistics.ts'
import type { Workload } from '../support/workload.ts'
import { makeUsers } from './send.ts'

/** Clients with idle long polls. */
export const idleSync: Workload = {
  summary: 'processor share and memory of --clients waiting syncs, for --seconds',
  defaults: { clients: 10_000, seconds: 30 },
  async run(target, { clients, seconds }) {
    const users = await makeUsers(target, Math.min(clients, 500))
    const tokens = await Promise.all(
      users.map(async (user) => (await user.sync({ timeout: '0' })).body['next_batch'] as string),
    )
    const before = processFigures(target.pid)['resident_mb'] ?? 0
    const waiting = Array.from({ length: clients }, (_, index) =>
      users[index % users.length]?.sync({
        since: tokens[index % users.length] as string,
        timeout: String(seconds * 3000),
      }),
    )
    await new Promise((resolve) => setTimeout(resolve, 5000))
    const after = processFigures(target.pid)['resident_mb'] ?? 0
    const started = processorSeconds(target.pid)
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
    const used = processorSeconds(target.pid) - started
    target.http.close()
    await Promise.allSettled(waiting)
    return {
      core_percent: round((used / seconds) * 100),
      kb_per_client: round(((after - before) * 1024) / clients),
      waiting: clients,
    }
  },
}
