import type { EventId } from '#protocol/ids.ts'

/** How far back forward extremities are looked for behind events that were not accepted; one that is missed only stays one. */
const maxStepsBack = 200

/** An event of the timeline, as far as the searches need it. */
export type Step = { isAccepted: boolean; depth: number; prevs: () => readonly EventId[] }

/** Answers those of the events that are in the timeline. */
type Find = (ids: readonly EventId[]) => Promise<readonly Step[]>

type Search = {
  forwardExtremities: { has(id: EventId): boolean }
  create: EventId | undefined
  prevs: readonly EventId[]
  find: Find
}

/** Forward extremities that an event comes after: as its previous events, or behind events that were not accepted. */
export async function followedExtremities({ forwardExtremities, create, prevs, find }: Search): Promise<Set<EventId>> {
  const followed = new Set(prevs.filter((id) => forwardExtremities.has(id)))
  const seen = new Set(prevs)
  let behind = prevs.filter((id) => !forwardExtremities.has(id))
  for (let steps = 0; behind.length > 0 && steps < maxStepsBack; steps++) {
    const next: EventId[] = []
    for (const step of await find(behind)) {
      if (step.isAccepted) continue
      for (const id of step.prevs()) {
        if (seen.has(id)) continue
        seen.add(id)
        if (forwardExtremities.has(id)) followed.add(id)
        else next.push(id)
      }
    }
    behind = next
  }
  // Every event comes after the create event, also where the way there is not known.
  if (create && forwardExtremities.has(create)) followed.add(create)
  return followed
}

/** So far behind the forward extremities is looked, a query a step; an event that is missed only becomes another of them. */
const maxStepsBehind = 10

type Latecomer = { eventId: EventId; depth: number; forwardExtremities: readonly EventId[]; find: Find }

/** Whether a forward extremity comes after the event already: it arrives later than what follows it. */
export async function isBehind({ eventId, depth, forwardExtremities, find }: Latecomer): Promise<boolean> {
  const seen = new Set(forwardExtremities)
  let level: readonly EventId[] = forwardExtremities
  for (let steps = 0; level.length > 0 && steps < maxStepsBehind; steps++) {
    const next: EventId[] = []
    for (const step of await find(level)) {
      if (step.depth <= depth) continue
      for (const id of step.prevs()) {
        if (id === eventId) return true
        if (!seen.has(id)) next.push(id)
        seen.add(id)
      }
    }
    level = next
  }
  return false
}
