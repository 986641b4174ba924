import type { ClientView } from './client-view.ts'
import type { World } from './world.ts'

/** How a sequence ended, without what differs from store to store. */
export type End = { replies: string[]; views: unknown[] }

/** Ids are replaced by the order in which they appear. */
export async function describeEnd(world: World, replies: string[]): Promise<End> {
  const rooms = new Map(world.rooms.map(({ roomId }, number) => [roomId, `!room${number}`]))
  const events = new Map<string, string>()
  for (const [number, room] of world.rooms.entries())
    for (const [index, eventId] of room.events.entries()) events.set(eventId, `$event${number}.${index}`)
  const named = (text: string): string => {
    for (const [roomId, name] of rooms) text = text.replaceAll(roomId, name)
    return text.replaceAll(/\$[A-Za-z0-9_-]{43}/g, (id) => events.get(id) ?? '$other')
  }
  return { replies, views: world.people.flatMap(({ devices }) => devices.map(({ view }) => describe(view, named))) }
}

/** As texts in order, since ids are keys of objects too. */
const describe = (view: ClientView, named: (text: string) => string): unknown =>
  sorted({ ...view, since: undefined }, named)

function sorted(value: unknown, named: (text: string) => string): unknown {
  if (typeof value === 'string') return named(value)
  if (Array.isArray(value)) return value.map((inside) => sorted(inside, named))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, inside]): [string, unknown] => [named(key), sorted(inside, named)])
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)))
}
