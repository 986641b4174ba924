import fc from 'fast-check'
import { describeSequence, sequences, violationsOf } from './property.ts'
import type { InvariantName } from './report.ts'
import type { Sequence } from './run-sequence.ts'
import { smaller } from './smaller.ts'

export type SearchOptions = {
  seed: number
  /** How long to look for a failure. */
  seconds: number
  /** The first sequence of the seed to look at. */
  from?: number | undefined
  wanted: ReadonlySet<InvariantName>
}

/** How long a failure is made smaller. */
const shrinkingMs = 60_000
const maxSteps = 40

/** A sequence is the same for the same seed and number, however many were looked at before. */
export const sequenceOf = (seed: number, number: number): Sequence =>
  fc.sample(sequences(maxSteps), { seed: seed * 100_003 + number, numRuns: 1 })[0]!

/** A report of a failing sequence, made as small as time allows; undefined when all hold. */
export async function search({ seed, seconds, from = 0, wanted }: SearchOptions): Promise<string | undefined> {
  const end = Date.now() + seconds * 1000
  for (let number = from; Date.now() < end; number++) {
    const sequence = sequenceOf(seed, number)
    const broken = (await violationsOf(sequence, wanted)).map(({ invariant }) => invariant)
    if (broken.length > 0) return describeFailure(sequence, { seed, number, broken: new Set(broken) })
  }
  return undefined
}

type Failure = { seed: number; number: number; broken: ReadonlySet<InvariantName> }

async function describeFailure(sequence: Sequence, { seed, number, broken }: Failure): Promise<string> {
  const fails = async (candidate: Sequence) => (await violationsOf(candidate, broken)).length > 0
  const smallest = await smaller(sequence, { fails, until: Date.now() + shrinkingMs })
  const messages = (await violationsOf(smallest, broken)).map(({ invariant, message }) => `${invariant}: ${message}`)
  return [
    `SEQUENCE_SEED=${seed} SEQUENCE_NUMBER=${number} broke ${[...broken].join(', ')}`,
    ...[...new Set(messages)].slice(0, 10),
    describeSequence(smallest),
    `SEQUENCE='${JSON.stringify(smallest)}'`,
  ].join('\n')
}

/** The same of one sequence as a report gave it. */
export async function judge(text: string, wanted: ReadonlySet<InvariantName>): Promise<string | undefined> {
  const violations = await violationsOf(JSON.parse(text) as Sequence, wanted)
  return violations.map(({ invariant, message }) => `${invariant}: ${message}`).join('\n') || undefined
}
