import { parseArgs } from 'node:util'
import { violationsOf, wantedInvariants } from './property.ts'
import { search, sequenceOf } from './search.ts'

const help = `usage: npm run sequences -- [--hours N | --tally] [options]
  --hours N          look for failures for so long; each is made smaller and printed with its seed and number
  --tally            how many of --count sequences break each invariant first
  --count N          sequences of a tally (default 100)
  --seed N           where to start (default: by the clock)
  --invariants A,B   only these`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    hours: { type: 'string', default: '1' },
    tally: { type: 'boolean' },
    count: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    invariants: { type: 'string' },
  },
})
const wanted = wantedInvariants(values.invariants)

async function tally(): Promise<void> {
  const counts = new Map<string, number>()
  for (let number = 0; number < Number(values.count); number++) {
    const violations = await violationsOf(sequenceOf(Number(values.seed), number), wanted)
    const broken = new Map(violations.toReversed().map(({ invariant, message }) => [invariant, message]))
    for (const [name, message] of broken) console.log(`SEQUENCE_NUMBER=${number} ${name}: ${message}`)
    for (const name of broken.keys()) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  console.log(`of ${values.count} sequences of seed ${values.seed}`, Object.fromEntries(counts))
}

/** A new seed every ten minutes, and after every failure. */
async function searchForHours(): Promise<void> {
  const end = Date.now() + Number(values.hours) * 3_600_000
  for (let seed = Number(values.seed); Date.now() < end; seed++) {
    const seconds = Math.min(600, (end - Date.now()) / 1000)
    const failure = await search({ seed, seconds, wanted })
    console.log(failure ?? `seed ${seed}: all held`)
    if (failure !== undefined) process.exitCode = 1
  }
}

if (values.help) console.log(help)
else await (values.tally ? tally() : searchForHours())
