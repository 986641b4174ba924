/** One thing that happens to a room; users and rooms by number. */
export type Happening = { kind: 'join' | 'leave' | 'message'; user: number; text?: string }
export type Day = {
  /** What happens in each room, in order. */
  rooms: Happening[][]
  /** Users who take another name on this day. */
  renames: { user: number; name: string }[]
}

export type ChurnOptions = { seed: number; rooms: number; members: number; days: number }

const words =
  'the a node graph room event of state joined left yesterday message reads writes disk budget figure'.split(' ')

/** A community's life from a seed: few rooms are large and loud, people come and go, some change their names. */
export function churnPlan({ seed, rooms, members, days }: ChurnOptions): { owners: number[]; days: Day[] } {
  const random = generator(seed)
  const pick = (count: number) => Math.floor(random() * count)
  const owners = Array.from({ length: rooms }, () => pick(members))
  const present = owners.map((owner) => new Set([owner]))
  const sizes = owners.map((_, room) => Math.max(3, Math.floor((members / 2) * (room + 1) ** -0.7)))
  const sentence = () => Array.from({ length: 4 + pick(24) }, () => words[pick(words.length)]).join(' ')

  const dayOf = (room: number, day: number): Happening[] => {
    const inside = present[room] as Set<number>
    const size = sizes[room] as number
    const happenings: Happening[] = []
    const anyone = () => [...inside][pick(inside.size)] as number
    const joins = day === 0 ? size : 1 + pick(1 + size * 0.04)
    for (let turn = 0; turn < joins; turn++) {
      const user = pick(members)
      if (!inside.has(user)) happenings.push({ kind: 'join', user })
      inside.add(user)
    }
    for (let turn = pick(1 + size * 0.04); turn > 0 && inside.size > 2; turn--) {
      const user = anyone()
      if (user === owners[room]) continue
      happenings.push({ kind: 'leave', user })
      inside.delete(user)
    }
    for (let turn = pick(2 + size * 0.3); turn > 0; turn--)
      happenings.push({ kind: 'message', user: anyone(), text: sentence() })
    return happenings
  }

  return {
    owners,
    days: Array.from({ length: days }, (_, day) => ({
      rooms: owners.map((_, room) => dayOf(room, day)),
      renames: Array.from({ length: Math.ceil(members * 0.01) }, () => ({
        user: pick(members),
        name: sentence().slice(0, 20),
      })),
    })),
  }
}

/** Numbers between 0 and 1 that are the same for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
