import fc from 'fast-check'
import { describeSequence, sequences, violationsOf } from './property.ts'
import type { InvariantName } from './report.ts'
import type { Sequence } from './run-sequence.ts'

export type SearchOptions = {
  seed: number
  /** How long to look for a failure. */
  seconds: number
  /** Of one failure, as a report names it: it is looked at again. */
  path?: string | undefined
  wanted: ReadonlySet<InvariantName>
}

/** How long a failure is made smaller. */
const shrinkingMs = 90_000

/** A report of the smallest failing sequence found; undefined when all hold. */
export async function search({ seed, seconds, path, wanted }: SearchOptions): Promise<string | undefined> {
  const property = fc.asyncProperty(sequences(40), async (sequence) => {
    const violations = await violationsOf(sequence, wanted)
    if (violations.length === 0) return
    const messages = violations.map(({ invariant, message }) => `  ${invariant}: ${message}`)
    throw new Error([...new Set(messages)].slice(0, 10).join('\n'))
  })
  const look = (settings: fc.Parameters<[Sequence]>) =>
    fc.check(property, { seed, numRuns: 1_000_000, markInterruptAsFailure: false, ...settings })
  const again = path === undefined ? {} : { path }
  const first = await look({ ...again, endOnFailure: true, interruptAfterTimeLimit: seconds * 1000 })
  if (!first.failed) return undefined
  const failingPath = first.counterexamplePath ?? '0'
  const found = await look({ path: failingPath, interruptAfterTimeLimit: shrinkingMs })
  const { failed, counterexample, counterexamplePath, errorInstance } = found.failed ? found : first
  if (!failed || !counterexample) return undefined
  const replay = `SEQUENCE_SEED=${seed} SEQUENCE_PATH=${counterexamplePath}`
  return `${replay}\n${String((errorInstance as Error).message)}\n${describeSequence(counterexample[0])}`
}
