import { setPriority } from 'node:os'
import { targetAt } from '../support/target.ts'
import { attacks } from './attacks/index.ts'

// A process of its own: what an attack costs the attacker must not be in anybody's latency.
const [text = '{}'] = process.argv.slice(2)
const { name, url, secret, dataDir, database, seconds } = JSON.parse(text) as {
  name: string
  url: string
  secret: string
  dataDir: string
  database?: string
  seconds: number
}
setPriority(10)
const target = targetAt(url, { secret, localAddress: '127.0.0.2' })
const failures: string[] = []
const signal = AbortSignal.timeout(seconds * 1000)
const attack = attacks.find((known) => known.name === name)
const field = { target, dataDir, database, signal, fail: (message: string) => void failures.push(message) }
await attack?.run(field).catch((error: unknown) => console.error(`  (${name} ended early: ${String(error)})`))
process.send?.(failures, () => process.exit())
