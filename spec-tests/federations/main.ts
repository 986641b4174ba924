import { parseArgs } from 'node:util'
import { search } from './search.ts'

const help = `usage: node spec-tests/federations/main.ts [options]
Generated federations of two to five servers; a failure is made smaller and printed with its seed and number.
  --count N   how many (default 10000)
  --seed N    which (default: by the clock)
  --from N    where to begin within the seed (default 0)
  --shrink S  seconds in which a failure is made smaller (default 60)`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    count: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    from: { type: 'string', default: '0' },
    shrink: { type: 'string', default: '60' },
  },
})

if (values.help) console.log(help)
else {
  const seed = Number(values.seed)
  const count = Number(values.count)
  const begun = performance.now()
  const failures = await search({
    seed,
    count,
    from: Number(values.from),
    shrinkingMs: Number(values.shrink) * 1000,
    onProgress: (number) => console.log(`… ${number} of seed ${seed}`),
    onFailure: (report) => console.log(`${report}\n`),
  })
  const seconds = Math.round((performance.now() - begun) / 1000)
  console.log(`of ${count} federations of seed ${seed}, ${failures} failed (${seconds} s)`)
  if (failures > 0) process.exitCode = 1
}
