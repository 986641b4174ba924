import { hash } from 'node:crypto'
import { authorize } from '../auth-rules/authorize.ts'
import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '../ids.ts'
import { separate } from './conflicts.ts'
import type { KnownEvents } from './known-events.ts'
import { splitStateKey, stateKey, type StateKey, type StateMap } from './state-map.ts'

type Contender = { id: EventId; event: Pdu; digest: string }

/** The keys whose conflicts are settled first, since they decide what is allowed elsewhere; each pass sees the last. */
const passes: readonly ((type: string, key: string) => boolean)[] = [
  (type, key) => type === 'm.room.power_levels' && key === '',
  (type) => type === 'm.room.join_rules',
  (type) => type === 'm.room.member',
]

/** Room version 1 (rooms/v1, "State resolution"); *R* is the state under construction. */
export function resolveV1(events: KnownEvents, sets: readonly StateMap[]): StateMap {
  const isRejected = (id: EventId) => events.isRejected(id)
  const { unconflicted: resolved, conflicted } = separate(sets, { isRejected, absenceConflicts: false })
  const open = new Map([...conflicted].map(([key, ids]) => [key, contendersIn(events, ids)]))
  for (const covers of passes) {
    const keys = [...open.keys()].filter((key) => covers(...splitStateKey(key)))
    settle(keys, (key) => lastAllowed(events, key, { resolved, contenders: open.get(key)! }))
  }
  settle([...open.keys()], (key) => deepestAllowed(events, { resolved, contenders: open.get(key)! }))
  return resolved

  /** Finds all winners of a pass before it enters any of them, so that the order of the keys is of no account. */
  function settle(keys: StateKey[], winnerOf: (key: StateKey) => EventId | undefined): void {
    const winners = keys.map((key) => [key, winnerOf(key)] as const)
    for (const [key, winner] of winners) {
      open.delete(key)
      if (winner !== undefined) resolved.set(key, winner)
    }
  }
}

type Contest = { resolved: StateMap; contenders: Contender[] }

/** From the first in order on, each that the one before it allows, until one is refused. */
function lastAllowed(events: KnownEvents, key: StateKey, { resolved, contenders }: Contest): EventId | undefined {
  const [first, ...others] = contenders
  let winner = first
  for (const next of others) {
    const entry = (asked: StateKey) => (asked === key ? winner?.id : resolved.get(asked))
    if (!isAllowed(events, next.event, entry)) break
    winner = next
  }
  return winner?.id
}

/**
 * The last in order that *R* allows. Where it allows none the text is silent; the first in order then stays, as it
 * does in the passes before.
 */
function deepestAllowed(events: KnownEvents, { resolved, contenders }: Contest): EventId | undefined {
  const winner = contenders.findLast(({ event }) => isAllowed(events, event, (key) => resolved.get(key)))
  return (winner ?? contenders[0])?.id
}

function isAllowed(events: KnownEvents, event: Pdu, entry: (key: StateKey) => EventId | undefined): boolean {
  const rejection = authorize(event, events.version, (type, key) => {
    const id = entry(stateKey(type, key))
    return id === undefined ? undefined : events.get(id)
  })
  return rejection === undefined
}

/** The contenders "by ascending depth then descending sha1(event_id)". */
function contendersIn(events: KnownEvents, ids: Iterable<EventId>): Contender[] {
  const contenders: Contender[] = []
  for (const id of ids) {
    const event = events.get(id)
    if (event !== undefined) contenders.push({ id, event, digest: hash('sha1', id) })
  }
  return contenders.sort((x, y) => x.event.depth - y.event.depth || (x.digest < y.digest ? 1 : -1))
}
