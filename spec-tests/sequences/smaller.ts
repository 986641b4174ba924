import type { Sequence } from './run-sequence.ts'

/** The smallest sequence found within the time that still fails: fewer steps first, then fewer devices and rooms. */
export async function smaller(
  failing: Sequence,
  { fails, until }: { fails: (sequence: Sequence) => Promise<boolean>; until: number },
): Promise<Sequence> {
  let best = failing
  const tryOne = async (candidate: Sequence): Promise<boolean> => {
    if (Date.now() > until || !(await fails(candidate))) return false
    best = candidate
    return true
  }
  for (let size = Math.ceil(best.steps.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let start = best.steps.length - size; start > -size; start -= size)
      await tryOne({ ...best, steps: best.steps.toSpliced(Math.max(0, start), Math.min(size, size + start)) })
  for (const setting of simplerSettings(best)) await tryOne({ ...best, setting: setting(best.setting) })
  for (const index of best.steps.keys())
    for (const name of ['event', 'target', 'choice'] as const)
      await tryOne({ ...best, steps: best.steps.with(index, { ...best.steps[index]!, [name]: 0 }) })
  return best
}

type Simplify = (setting: Sequence['setting']) => Sequence['setting']

/** Each takes something away where it is there. */
function simplerSettings({ setting }: Sequence): Simplify[] {
  const plain: Simplify[] = setting.rooms.map((_, number) => ({ people, rooms }) => ({
    people,
    rooms: rooms.with(number, { ...rooms[number]!, version: '12', isEncrypted: false, visibility: 'shared' }),
  }))
  const fewer: Simplify[] = setting.people.map((_, number) => ({ people, rooms }) => ({
    rooms,
    people: people.with(number, people[number]!.slice(0, 1)),
  }))
  const unshaped: Simplify[] = setting.people.map((_, number) => ({ people, rooms }) => ({
    rooms,
    people: people.with(number, people[number]!.map(() => 0)), // prettier-ignore
  }))
  return [...fewer, ...unshaped, ...plain]
}
