import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'

const help = `usage: npm run interop -- [options]

Starts a Synapse and a Myelin that reach each other with TLS on loopback, and lets clients of both live together.
INTEROP_SYNAPSE_PYTHON names the Python of an environment in which matrix-synapse is installed.
  --grep PATTERN   only cases whose names match
  --messages N     messages each way (default 200)
  --folder PATH    keeps the data and logs of both servers in a new folder
  --bail           ends with the first case that fails`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    grep: { type: 'string' },
    messages: { type: 'string' },
    folder: { type: 'string' },
    bail: { type: 'boolean' },
  },
})

process.exitCode = values.help ? print(help) : await main()

async function main(): Promise<number> {
  const python = process.env['INTEROP_SYNAPSE_PYTHON']
  if (!python) return print('skipped: INTEROP_SYNAPSE_PYTHON does not name the Python of an environment with Synapse')
  const version = spawnSync(python, ['-c', 'import synapse; print(synapse.__version__)'], { encoding: 'utf8' })
  if (version.status !== 0) return print(`skipped: ${python} has no matrix-synapse`)
  print(`with Synapse ${version.stdout.trim()}`)
  const words = [
    ...(values.grep === undefined ? [] : ['--grep', values.grep]),
    ...(values.bail ? ['--bail'] : []),
    ...['--reporter', 'spec', '--exit', 'spec-tests/interop/all-cases.ts'],
  ]
  const env = {
    ...process.env,
    ...(values.messages !== undefined && { INTEROP_MESSAGES: values.messages }),
    ...(values.folder !== undefined && { INTEROP_FOLDER: values.folder }),
  }
  const mocha = spawn(process.execPath, ['node_modules/mocha/bin/mocha.js', ...words], { env, stdio: 'inherit' })
  const [code] = (await once(mocha, 'exit')) as [number | null]
  return code ?? 1
}

function print(message: string): number {
  console.log(message)
  return 0
}
