import { fork } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startFreshServer } from '../support/fresh-server.ts'
import { secret, type OwnServer } from '../support/own-server.ts'
import { percentiles, processFigures, round } from '../support/statistics.ts'
import { table } from '../support/table.ts'
import type { Attack } from './attack.ts'
import { attacks } from './attacks/index.ts'
import { diskMb } from './disk-size.ts'
import { ordinaryUsers } from './ordinary.ts'

const heapMb = 512
const maxP99Ms = 250
/** Memory that a runtime keeps of any load, however it ends. */
const maxGrowthMb = 64
const quietSeconds = 4
const restSeconds = 8

export type HostileOptions = {
  /** Beginnings of names; empty: all. */
  only: readonly string[]
  /** Each attack ends by then. */
  seconds: number
  database?: string | undefined
}

/** Every attack on a server of its own, beside ordinary users. */
export async function hostile({ only, seconds, database }: HostileOptions): Promise<string> {
  const chosen = attacks.filter(({ name }) => only.length === 0 || only.some((start) => name.startsWith(start)))
  const rows: (string | number)[][] = []
  for (const attack of chosen) {
    const row = await attacked(attack, { seconds, database }).catch((error: unknown) => brokenRow(attack, error))
    console.error(row.join('  '))
    rows.push(row)
  }
  return table(header, rows)
}

const header = ['attack', 'calm p99', 'p50 ms', 'p99 ms', 'before MB', 'peak MB', 'after MB', 'disk MB', 'verdict']

const brokenRow = ({ name }: Attack, error: unknown) => [name, 0, 0, 0, 0, 0, 0, 0, `FAIL: ${String(error)}`]

async function attacked(attack: Attack, { seconds, database }: Omit<HostileOptions, 'only'>) {
  const server = await startFreshServer({
    database,
    nodeFlags: [`--max-old-space-size=${heapMb}`],
    settings: { ...defaults, ...attack.settings },
    ...(attack.hasFullOutput && { stdout: openSync('/dev/full', 'w') }),
  })
  try {
    return await lived(attack, server, seconds)
  } finally {
    await server.stop()
  }
}

/** Limits as they are by default, but for the accounts that an attack needs. */
const defaults = {
  MYELIN_RATE_LIMITS_ENABLED: 'true',
  MYELIN_RATE_LIMITS_REGISTER_PER_SECOND: '1000',
  MYELIN_RATE_LIMITS_REGISTER_BURST: '1000',
}

async function lived(attack: Attack, { target, dataDir }: OwnServer, seconds: number) {
  const ordinary = await ordinaryUsers(target)
  await sleep(quietSeconds * 1000)
  const calm = percentiles(ordinary.take(), 'calm')
  const before = memoryOf(target.pid)
  const diskBefore = await diskMb(target.database)
  const failures = await launch({ name: attack.name, url: target.url, secret, dataDir, database: target.database, seconds }) // prettier-ignore
  const under = percentiles(ordinary.take(), 'under')
  await ordinary.stop()
  await sleep(restSeconds * 1000)
  const after = memoryOf(target.pid)
  const p99 = under['under_p99_ms'] ?? 0
  if (p99 >= maxP99Ms) failures.push((calm['calm_p99_ms'] ?? 0) < maxP99Ms ? 'slow' : 'slow (before the attack too)')
  if (after.resident - before.resident > maxGrowthMb) failures.push('grown')
  const disk = round((await diskMb(target.database)) - diskBefore)
  if (disk > (attack.maxDiskMb ?? Infinity)) failures.push('disk')
  const verdict = failures.length === 0 ? 'PASS' : `FAIL: ${failures.join(', ')}`
  const latency = [calm['calm_p99_ms'] ?? 0, under['under_p50_ms'] ?? 0, p99]
  return [attack.name, ...latency, before.resident, after.peak, after.resident, disk, verdict]
}

/** Throws when the process is gone. */
function memoryOf(pid: number | undefined) {
  const { resident_mb: resident = 0, peak_resident_mb: peak = 0 } = processFigures(pid)
  if (resident === 0) throw new Error('the server is gone')
  return { resident: round(resident), peak: round(peak) }
}

type Launch = {
  name: string
  url: string
  secret: string
  dataDir: string
  database: string | undefined
  seconds: number
}

/** What the attacker says the server should not have let happen. */
async function launch(what: Launch): Promise<string[]> {
  const attacker = fork(new URL('attacker.ts', import.meta.url), [JSON.stringify(what)])
  let failures: string[] = []
  attacker.on('message', (message) => void (failures = message as string[]))
  const timer = setTimeout(() => attacker.kill('SIGKILL'), (what.seconds + 10) * 1000)
  await once(attacker, 'exit')
  clearTimeout(timer)
  return [...failures]
}
