import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { sequences, violationsOf, wantedInvariants } from './property.ts'
import { search } from './search.ts'

const help = `usage: npm run sequences -- [--hours N | --tally] [options]
  --hours N          look for failures for so long; each is made smaller and printed with its seed and path
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
  const samples = fc.sample(sequences(40), { seed: Number(values.seed), numRuns: Number(values.count) })
  for (const sequence of samples) {
    const broken = new Set((await violationsOf(sequence, wanted)).map(({ invariant }) => invariant))
    for (const name of broken) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  console.log(`of ${samples.length} sequences of seed ${values.seed}`, Object.fromEntries(counts))
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
