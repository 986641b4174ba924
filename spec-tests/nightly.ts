import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'

const help = `usage: npm run nightly -- [options]
Hostile histories, generated requests, sequences and federations, many more of them than with npm test, and new ones daily.
TEST_DATABASE=postgres and TEST_POSTGRES_URL choose the store; sequences run on both where the latter is set.
  --hours N        how long sequences are looked for (default 1)
  --events N       events of hostile histories (default 100000)
  --requests N     generated requests for each endpoint (default 200)
  --federations N  generated federations of servers (default 10000)
  --seed N         where all of them start (default: the day)`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    hours: { type: 'string', default: '1' },
    events: { type: 'string', default: '100000' },
    requests: { type: 'string', default: '200' },
    federations: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 86_400_000)) },
  },
})
const seed = Number(values.seed)

type Part = { name: string; args: string[]; env: Record<string, string> }

// Long enough for what takes hours; a test that hangs is seen in the morning.
const mocha = ['node_modules/mocha/bin/mocha.js', '--timeout', String(4 * 3_600_000)]
// Each day has histories of its own, however many there were on the days before.
const histories = { HISTORY_EVENTS: values.events, HISTORY_SEED: String(seed * 1000) }

const parts: Part[] = [
  {
    name: 'hostile histories',
    args: [...mocha, 'spec-tests/protocol/state-resolution/histories.test.ts'],
    env: histories,
  },
  {
    name: 'hostile histories, received',
    args: [...mocha, 'spec-tests/services/federation/receive/histories.test.ts'],
    env: histories,
  },
  {
    name: 'generated requests',
    args: [...mocha, 'spec-tests/api/fuzz.test.ts'],
    env: { FUZZ_RUNS: values.requests, FUZZ_SEED: String(seed) },
  },
  {
    name: 'sequences',
    args: ['spec-tests/sequences/main.ts', '--hours', values.hours, '--seed', String(seed * 1000)],
    env: {},
  },
  {
    name: 'federations',
    args: ['spec-tests/federations/main.ts', '--count', values.federations, '--seed', String(seed)],
    env: {},
  },
]

async function runPart({ name, args, env }: Part): Promise<boolean> {
  console.log(`== ${name}`, env)
  const part = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: 'inherit' })
  const [code] = (await once(part, 'exit')) as [number | null]
  return code === 0
}

if (values.help) console.log(help)
else {
  const failed: string[] = []
  for (const part of parts) if (!(await runPart(part))) failed.push(part.name)
  console.log(failed.length === 0 ? 'all held' : `FAILED: ${failed.join(', ')}`)
  if (failed.length > 0) process.exitCode = 1
}
