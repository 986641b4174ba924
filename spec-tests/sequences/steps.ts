import fc from 'fast-check'
import { acts, type ActKind } from './acts/index.ts'

/** What happens between acts: clients read, caches are lost, the server restarts, time passes. */
const moves = { sync: 24, rewind: 4, check: 3, evict: 4, restart: 1, wait: 2 }
export type MoveKind = keyof typeof moves

/** One step; the numbers choose among what is there, so that shrinking finds smaller ones. */
export type Step = {
  kind: ActKind | MoveKind
  who: number
  room: number
  target: number
  /** Counted back from the newest event. */
  event: number
  choice: number
}

const weights: [ActKind | MoveKind, number][] = [
  ...(Object.entries(acts) as [ActKind, { weight: number }][]).map(([kind, { weight }]): [ActKind, number] => [
    kind,
    weight,
  ]),
  ...(Object.entries(moves) as [MoveKind, number][]),
]

const kinds = fc.oneof(...weights.map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind) })))

export const steps = (maxLength: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({ kind: kinds, who: fc.nat(4), room: fc.nat(3), target: fc.nat(4), event: fc.nat(9), choice: fc.nat(7) }),
    { minLength: 1, maxLength, size: 'max' },
  )

export const describeStep = ({ kind, who, room, target, event, choice }: Step): string =>
  `${kind} who=${who} room=${room} target=${target} event=${event} choice=${choice}`
