import fc from 'fast-check'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { actWeights, type ActKind } from './acts/index.ts'

/** What happens to servers and to the network between them, and to time. */
const events = {
  cut: 8,
  heal: 4,
  isolate: 4,
  healAll: 3,
  weather: 9,
  deliverLate: 3,
  wait: 9,
  restart: 3,
  crash: 4,
  stop: 2,
  start: 3,
  evict: 2,
  rush: 4,
  hideMembers: 5,
  joinAndCrash: 4,
}
export type EventKind = keyof typeof events

/** One step; the numbers choose among what is there, so that shrinking finds smaller ones. */
export type Step = {
  kind: ActKind | EventKind
  who: number
  room: number
  target: number
  /** Counted back from the newest event. */
  event: number
  choice: number
}

export type RoomPlan = {
  creator: number
  joinRule: 'public' | 'invite' | 'knock'
  visibility: 'shared' | 'joined' | 'invited' | 'world_readable'
  version: string
  /** Who is in from the start. */
  members: number[]
}

/** A federation from its beginning to the end at which everything must agree. */
export type Plan = {
  servers: number
  /** How many people there are beside one of each server. */
  morePeople: number
  rooms: RoomPlan[]
  steps: Step[]
  /** How many steps come one upon the other before servers have done what there is to do. */
  haste: number
  /** Of all chance in the network. */
  seed: number
}

const weights: [ActKind | EventKind, number][] = [...actWeights, ...(Object.entries(events) as [EventKind, number][])]
const kinds = fc.oneof(...weights.map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind) })))

const step: fc.Arbitrary<Step> = fc.record({
  kind: kinds,
  who: fc.nat(5),
  room: fc.nat(1),
  target: fc.nat(5),
  event: fc.nat(9),
  choice: fc.nat(7),
})

const room: fc.Arbitrary<RoomPlan> = fc.record({
  creator: fc.nat(5),
  joinRule: fc.constantFrom('public', 'public', 'invite', 'knock'),
  visibility: fc.constantFrom('shared', 'joined', 'invited', 'world_readable'),
  version: fc.constantFrom(...roomVersions.map(({ id }) => id), '10', '11', '12', '12'),
  members: fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 6, size: 'max' }),
})

const plans = (maxSteps: number): fc.Arbitrary<Plan> =>
  fc.record({
    servers: fc.integer({ min: 2, max: 5 }),
    morePeople: fc.nat(2),
    rooms: fc.array(room, { minLength: 1, maxLength: 2, size: 'max' }),
    steps: fc.array(step, { minLength: 5, maxLength: maxSteps, size: 'max' }),
    haste: fc.constantFrom(1, 1, 1, 3, 8),
    seed: fc.nat(),
  })

const maxSteps = 40

/** The same for the same seed and number, however many were looked at before. */
export const planOf = (seed: number, number: number): Plan =>
  fc.sample(plans(maxSteps), { seed: seed * 100_003 + number, numRuns: 1 })[0]!

/** A plan as it is told in a report. */
export const describePlan = ({ servers, morePeople, rooms, steps, haste }: Plan): string =>
  [
    `${servers} servers, ${servers + morePeople} people, haste ${haste}`,
    ...rooms.map((plan, number) => `room ${number}: ${JSON.stringify(plan)}`),
    ...steps.map(
      ({ kind, who, room, target, event, choice }, number) =>
        `${number}: ${kind} who=${who} room=${room} target=${target} event=${event} choice=${choice}`,
    ),
  ].join('\n')
