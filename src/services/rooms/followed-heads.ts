import type { EventId } from '#protocol/ids.ts'

/** How far back heads are looked for behind events that were not accepted; a head that is missed only stays one. */
const maxStepsBack = 200

/** An event with its place in the room, as far as the search needs it. */
export type Step = { isAccepted: boolean; prevs: () => readonly EventId[] }

type Search = {
  heads: { has(id: EventId): boolean }
  create: EventId | undefined
  prevs: readonly EventId[]
  /** Answers those of the events that have their place. */
  find: (ids: readonly EventId[]) => Promise<readonly Step[]>
}

/** Heads that an event comes after: by name, or past events that are no heads because they were not accepted. */
export async function followedHeads({ heads, create, prevs, find }: Search): Promise<Set<EventId>> {
  const followed = new Set(prevs.filter((id) => heads.has(id)))
  const seen = new Set(prevs)
  let behind = prevs.filter((id) => !heads.has(id))
  for (let steps = 0; behind.length > 0 && steps < maxStepsBack; steps++) {
    const next: EventId[] = []
    for (const step of await find(behind)) {
      if (step.isAccepted) continue
      for (const id of step.prevs()) {
        if (seen.has(id)) continue
        seen.add(id)
        if (heads.has(id)) followed.add(id)
        else next.push(id)
      }
    }
    behind = next
  }
  // Every event comes after the room's first, also where nobody told us by what way.
  if (create && heads.has(create)) followed.add(create)
  return followed
}
