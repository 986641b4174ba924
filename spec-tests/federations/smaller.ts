import type { Plan, Step } from './plan.ts'

type Options = { fails(plan: Plan): Promise<boolean>; until: number }

/** The smallest plan found within the time that still fails: fewer steps first, then less of everything else. */
export async function smaller(failing: Plan, { fails, until }: Options): Promise<Plan> {
  let best = failing
  const tryOne = async (candidate: Plan): Promise<void> => {
    if (Date.now() < until && (await fails(candidate))) best = candidate
  }
  for (let size = Math.ceil(best.steps.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let start = best.steps.length - size; start > -size; start -= size) {
      const from = Math.max(0, start)
      if (from < best.steps.length)
        await tryOne({ ...best, steps: best.steps.toSpliced(from, Math.min(size, size + start)) })
    }
  if (best.rooms.length > 1) for (const room of best.rooms) await tryOne({ ...best, rooms: [room] })
  await tryOne({ ...best, morePeople: 0 })
  for (let servers = best.servers - 1; servers >= 2; servers--) await tryOne({ ...best, servers })
  for (const [number, room] of best.rooms.entries())
    await tryOne({ ...best, rooms: best.rooms.with(number, { ...room, version: '11', visibility: 'shared', joinRule: 'public' }) }) // prettier-ignore
  for (const index of best.steps.keys())
    for (const name of ['event', 'target', 'choice'] as const satisfies readonly (keyof Step)[])
      if (best.steps[index]![name] !== 0)
        await tryOne({ ...best, steps: best.steps.with(index, { ...best.steps[index]!, [name]: 0 }) })
  return best
}
