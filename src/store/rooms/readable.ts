import type { Knex } from 'knex'
import type { UserId } from '#protocol/ids.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inRanges } from '#store/engine/dialect.ts'
import { inList } from '#store/engine/in-list.ts'

/** Positions from one to another, both included. */
export type PositionRange = Readonly<{ from: number; to: number }>

/** Which events of a room a reader may read and wants to. */
export type Readable = Readonly<{
  /** In order, none touching another. */
  ranges: readonly PositionRange[]
  /** Ignored users: their events are left out, unless they are state. */
  ignored: ReadonlySet<UserId>
}>

/** The same as a condition on a row of `events`; its text does not grow with the number of ranges or users. */
export function isReadable(kind: Engine['kind'], event: string, readable: Readable): [string, Knex.RawBinding[]] {
  const [within, bounds] = inRanges(kind, `${event}.position`, readable.ranges)
  const [isShown, ignored] = isShownTo(kind, event, readable.ignored)
  return [`${within} and ${isShown}`, [...bounds, ...ignored]]
}

/** Leaves out events of ignored users, as a condition on a row of `events`. */
export function isShownTo(
  kind: Engine['kind'],
  event: string,
  ignored: Readable['ignored'],
): [string, Knex.RawBinding[]] {
  if (ignored.size === 0) return ['1 = 1', []]
  const [isIgnored, users] = inList(kind, `${event}.sender`, [...ignored])
  return [`(${event}.state_key is not null or not (${isIgnored}))`, users]
}
