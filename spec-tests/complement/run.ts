import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { compareResults, countResults, formatResults, parseResults, readGoResults, type Results } from './results.ts'

const help = `usage: npm run complement -- [PACKAGE…] [options]

Runs Complement's tests in the checkout that COMPLEMENT_DIR names and compares them with the committed lists.
PACKAGE is a folder of its tests (csapi, msc3874…) or tests for those at the top; default: csapi.
  --run PATTERN   only the tests that match, as go test -run
  --update        write the list of results
  --clean         fresh containers for every deployment: thrice as slow
  --no-build      use the image of the last run
COMPLEMENT_HOST_MOUNTS=$PWD/src:/app/src:ro with --no-build tests a change without a build.`

const image = 'myelin-complement'
const root = fileURLToPath(new URL('../..', import.meta.url))

const { values: options, positionals: packages } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean' },
    run: { type: 'string' },
    update: { type: 'boolean' },
    clean: { type: 'boolean' },
    'no-build': { type: 'boolean' },
  },
})
process.exitCode = options.help ? print(help) : await main()

async function main(): Promise<number> {
  const checkout = process.env['COMPLEMENT_DIR']
  if (!checkout) return print('COMPLEMENT_DIR must name a checkout of https://github.com/matrix-org/complement', 2)
  if (!options['no-build']) buildImage()
  let worse = 0
  for (const name of packages.length > 0 ? packages : ['csapi']) worse += await runPackage(name, checkout)
  return worse > 0 ? 1 : 0
}

function print(message: string, exitCode = 0): number {
  console.log(message)
  return exitCode
}

function buildImage(): void {
  const words = ['build', '--quiet', '--tag', image, '--file', join(root, 'spec-tests/complement/Dockerfile'), root]
  const { status } = spawnSync('docker', words, { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error('The image could not be built')
}

/** Answers how many tests of the package are worse than the committed list says. */
async function runPackage(name: string, checkout: string): Promise<number> {
  const log = join(tmpdir(), `complement-${name}.json`)
  const startedAt = performance.now()
  const results = await runGo(name === 'tests' ? './tests' : `./tests/${name}`, { checkout, log })
  const seconds = Math.round((performance.now() - startedAt) / 1000)
  const { topLevel, subtests } = countResults(results)
  print(`${name}: ${results.size} results in ${seconds} s; output in ${log}`)
  for (const [label, { PASS, FAIL, SKIP }] of Object.entries({ 'top level': topLevel, subtests }))
    print(`  ${label}: ${PASS} passed, ${FAIL} failed, ${SKIP} skipped`)
  return report(name, results)
}

type Place = { checkout: string; log: string }

async function runGo(folder: string, { checkout, log }: Place): Promise<Results> {
  const selection = options.run === undefined ? [] : ['-run', options.run]
  const words = ['test', '-json', '-count=1', '-p=1', '-timeout=60m', ...selection, folder]
  const env = {
    ...process.env,
    COMPLEMENT_BASE_IMAGE: image,
    ...(options.clean ? {} : { COMPLEMENT_ENABLE_DIRTY_RUNS: '1' }),
  }
  const child = spawn('go', words, { cwd: checkout, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const output = await text(child.stdout)
  writeFileSync(log, output)
  return readGoResults(output)
}

function report(name: string, results: Results): number {
  const list = join(root, 'spec-tests/complement/results', `${name}.txt`)
  const before = existsSync(list) ? parseResults(readFileSync(list, 'utf8')) : new Map()
  const changes = compareResults(before, results, { whole: options.run === undefined })
  const { better, worse, fresh, gone } = changes
  if (fresh.length > 0) print(`  not in the list: ${fresh.length}`)
  for (const [label, tests] of Object.entries({ better, worse, gone }))
    for (const test of tests) print(`  ${label}: ${results.get(test) ?? before.get(test)} ${test}`)
  if (options.update) {
    const kept = new Map([...before, ...results])
    for (const test of gone) kept.delete(test)
    writeFileSync(list, formatResults(kept))
  }
  return worse.length + gone.length
}
