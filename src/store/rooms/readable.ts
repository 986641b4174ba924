import type { Knex } from 'knex'
import type { UserId } from '#protocol/ids.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inRanges } from '#store/engine/dialect.ts'
import { inList } from '#store/engine/in-list.ts'

/** Positions from one to another, both included. */
export type PositionRange = { from: number; to: number }

/** Which events of a room somebody may read and wants to. */
export type Readable = {
  /** In order, none touching another. */
  ranges: readonly PositionRange[]
  /** Whose events are left out, unless they are state. */
  ignored: ReadonlySet<UserId>
}

/** The same as a condition on a row of `events`; its text does not grow with the number of ranges or users. */
export function isReadable(kind: Engine['kind'], event: string, readable: Readable): [string, Knex.RawBinding[]] {
  const [within, bounds] = inRanges(kind, `${event}.position`, readable.ranges)
  const [isShown, ignored] = isShownTo(kind, event, readable.ignored)
  return [`${within} and ${isShown}`, [...bounds, ...ignored]]
}

/** That an event is not one of an ignored user, as a condition on a row of `events`. */
export function isShownTo(
  kind: Engine['kind'],
  event: string,
  ignored: Readable['ignored'],
): [string, Knex.RawBinding[]] {
  if (ignored.size === 0) return ['1 = 1', []]
  const [isIgnored, users] = inList(kind, `${event}.sender`, [...ignored])
  return [`(${event}.state_key is not null or not (${isIgnored}))`, users]
}
