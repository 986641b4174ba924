import { client } from '../acts/act.ts'
import { syncWith } from '../follow.ts'
import { difference, type Report } from '../report.ts'
import { shapes } from '../setting.ts'
import type { Person, World } from '../world.ts'

/** An answer is the same when everything has to be read again. */
export async function coldAnswersAreWarm(world: World, report: Report): Promise<void> {
  const warm = await readings(world, report)
  await world.evictAll()
  const cold = await readings(world, report)
  for (const [what, answer] of warm) {
    const found = difference(answer, cold.get(what))
    if (found !== undefined) report('cold', `${what}: warm <> cold at ${found}`)
  }
}

/** What everybody may ask, and what they get. */
async function readings(world: World, report: Report): Promise<Map<string, unknown>> {
  const answers = new Map<string, unknown>()
  for (const person of world.people) {
    for (const [what, answer] of await syncs(person, report)) answers.set(`${person.name} ${what}`, answer)
    for (const { roomId } of world.rooms)
      for (const what of ['state', 'members', 'messages?dir=b&limit=20']) {
        const path = `${client}/rooms/${encodeURIComponent(roomId)}/${what}`
        const { status, body } = await person.fresh.request('GET', path)
        const isTimeline = what.startsWith('messages')
        answers.set(`${person.name} ${path}`, {
          status,
          body: isTimeline ? comparable(body) : unordered(comparable(body)),
        })
      }
  }
  return answers
}

/** Initial answers, and those after old tokens; with members loaded lazily what was told once need not be again. */
async function syncs({ fresh, devices }: Person, report: Report): Promise<[string, unknown][]> {
  const former = devices[0]!.formerViews.map(({ since }) => since).filter((since) => since !== undefined)
  const tokens = [undefined, former[Math.floor(former.length / 2)]]
  const answers: [string, unknown][] = []
  for (const shape of [shapes[4]!, shapes[5]!])
    for (const [number, since] of tokens.entries()) {
      const answer = await syncWith(fresh, { shape, since, isOnlooker: true, report })
      answers.push([`/sync ${shape.name}, token ${number}`, comparable({ ...answer, next_batch: '', presence: '' })])
    }
  return answers
}

/** Without what differs between any two answers, and what may be said again; state has no order. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inside]) => {
      if (key === 'age' || key === 'summary') return []
      const plain = comparable(inside)
      return [[key, key === 'state' || key === 'state_after' ? unordered(plain) : plain]]
    }),
  )
}

/** With the lists directly inside in an order of their own. */
function unordered(value: unknown): unknown {
  if (Array.isArray(value))
    return value.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inside]) => [key, Array.isArray(inside) ? unordered(inside) : inside]),
  )
}
