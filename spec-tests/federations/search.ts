import type { Violation } from './invariants/report.ts'
import { describePlan, planOf, type Plan } from './plan.ts'
import { runPlan } from './run.ts'
import { openServers } from './servers.ts'
import { smaller } from './smaller.ts'

/** So many plans are lived through on the same servers: starting these costs more than a plan. */
const plansPerLife = 25

export type SearchOptions = {
  seed: number
  /** The first plan, and how many. */
  from?: number
  count: number
  /** How long a failure is made smaller. */
  shrinkingMs?: number
  onFailure(report: string): void
  /** After each life. */
  onProgress?(number: number): void
}

/** Lives through the plans of a seed; answers how many failed. */
export async function search({
  seed,
  from = 0,
  count,
  shrinkingMs = 60_000,
  onFailure,
  onProgress = () => {},
}: SearchOptions): Promise<number> {
  let failures = 0
  for (let number = from; number < from + count;) {
    await using servers = openServers()
    for (const end = Math.min(number + plansPerLife, from + count); number < end; number++) {
      const violations = await runPlan(servers, planOf(seed, number), number)
      if (violations.length === 0) continue
      failures++
      onFailure(await describeFailure({ seed, number, violations, shrinkingMs }))
      // What failed may have left the servers in no state for others.
      number++
      break
    }
    onProgress(number)
  }
  return failures
}

/** What does not hold in a plan that begins with new servers. */
export async function violationsOf(plan: Plan): Promise<Violation[]> {
  await using servers = openServers()
  return await runPlan(servers, plan)
}

type Failure = { seed: number; number: number; violations: Violation[]; shrinkingMs: number }

async function describeFailure({ seed, number, violations, shrinkingMs }: Failure): Promise<string> {
  const broken = new Set(violations.map(({ invariant }) => invariant))
  const plan = planOf(seed, number)
  const isBroken = (found: readonly Violation[]) => found.some(({ invariant }) => broken.has(invariant))
  const title = `FEDERATION_SEED=${seed} FEDERATION_NUMBER=${number} broke ${[...broken].join(', ')}`
  if (shrinkingMs === 0 || !isBroken(await violationsOf(plan))) {
    const alone = shrinkingMs === 0 ? '' : 'On new servers it holds: look at the plans before it as well.'
    return [title, alone, ...told(violations), describePlan(plan)].join('\n')
  }
  const fails = async (candidate: Plan) => isBroken(await violationsOf(candidate))
  const smallest = await smaller(plan, { fails, until: Date.now() + shrinkingMs })
  const found = await violationsOf(smallest)
  return [title, ...told(found), describePlan(smallest), `FEDERATION='${JSON.stringify(smallest)}'`].join('\n')
}

const told = (violations: readonly Violation[]): string[] =>
  [...new Set(violations.map(({ invariant, message }) => `${invariant}: ${message}`))].slice(0, 10)

/** The same of one plan as a report gave it. */
export async function judge(text: string): Promise<string | undefined> {
  return told(await violationsOf(JSON.parse(text) as Plan)).join('\n') || undefined
}
