import fc from 'fast-check'
import type { TestEngine } from '../support/server/databases.ts'
import { difference, invariantNames, type InvariantName, type Violation } from './report.ts'
import { runSequence, type Sequence } from './run-sequence.ts'
import { settings } from './setting.ts'
import { describeStep, steps } from './steps.ts'

export const sequences = (maxLength: number): fc.Arbitrary<Sequence> =>
  fc.record({ setting: settings, steps: steps(maxLength) })

/** Which invariants a run looks at: SEQUENCE_INVARIANTS, or all. */
export function wantedInvariants(chosen = process.env.SEQUENCE_INVARIANTS): ReadonlySet<InvariantName> {
  if (!chosen) return new Set(invariantNames)
  const names = chosen.split(',')
  const unknown = names.filter((name) => !invariantNames.some((known) => known === name))
  if (unknown.length > 0)
    throw new Error(`No invariants: ${unknown.join(', ')}; there are ${invariantNames.join(', ')}`)
  return new Set(invariantNames.filter((name) => names.includes(name)))
}

/** Lives through a sequence, on both stores where a PostgreSQL is given and not one of them chosen. */
export async function violationsOf(sequence: Sequence, wanted = wantedInvariants()): Promise<Violation[]> {
  const { TEST_DATABASE: chosen, TEST_POSTGRES_URL: url } = process.env
  if (chosen === 'postgres' || !url || !wanted.has('engines'))
    return (await runSequence(sequence, { wanted })).violations
  const run = (engine: TestEngine) => runSequence(sequence, { engine, wanted })
  const [sqlite, postgres] = [await run('sqlite'), await run('postgres')]
  const found = difference(sqlite.end, postgres.end)
  const differ: Violation = { invariant: 'engines', message: `SQLite <> PostgreSQL at ${found}` }
  return [...sqlite.violations, ...postgres.violations, ...(found === undefined ? [] : [differ])]
}

/** A sequence as it is told in a report. */
export const describeSequence = ({ setting, steps: taken }: Sequence): string =>
  [
    ...setting.people.map((shapes, number) => `person ${number}: devices of shapes ${shapes.join(', ')}`),
    ...setting.rooms.map((room, number) => `room ${number}: ${JSON.stringify(room)}`),
    ...taken.map((step, number) => `${number}: ${describeStep(step)}`),
  ].join('\n')
