import assert from 'node:assert/strict'
import fc from 'fast-check'
import { mayReadEvent, type HistoryVisibility } from '#protocol/rooms/history-visibility.ts'
import type { Interval } from '#services/rooms/live/state-entry.ts'
import { readableMoments, readableRanges, type Past } from '#services/rooms/read/readable-ranges.ts'
import type { PositionRange } from '#store/rooms/readable.ts'

const last = 30

const intervals = <Value>(values: readonly Value[]): fc.Arbitrary<Interval<Value>[]> =>
  fc
    .uniqueArray(fc.record({ from: fc.integer({ min: 1, max: last }), value: fc.constantFrom(...values) }), {
      selector: ({ from }) => from,
      maxLength: 6,
    })
    .map((list) => list.sort((one, other) => one.from - other.from))

const pasts: fc.Arbitrary<Past> = fc.record({
  visibilities: intervals<HistoryVisibility>(['world_readable', 'shared', 'invited', 'joined']),
  memberships: intervals(['join', 'invite', 'leave', 'ban', 'knock']),
})

/** Of every position by itself, looking at each change from the beginning. */
function naive({ visibilities, memberships }: Past, position: number, before: number): boolean {
  const at = <Value>(list: readonly Interval<Value>[], when: number) =>
    list.filter(({ from }) => from <= when).at(-1)?.value
  return mayReadEvent({
    visibilityBefore: at(visibilities, before) ?? 'shared',
    visibilityAfter: at(visibilities, position) ?? 'shared',
    membershipBefore: at(memberships, before),
    membershipAfter: at(memberships, position),
    joinedSince: memberships.some(({ from, value }) => value === 'join' && from > position),
  })
}

const includes = (ranges: readonly PositionRange[], position: number): boolean =>
  ranges.some(({ from, to }) => from <= position && position <= to)

describe('the positions that a reader may read', () => {
  it('are those of the events that the rule allows one by one', () => {
    fc.assert(
      fc.property(pasts, (past) => {
        const [ranges, moments] = [readableRanges(past), readableMoments(past)]
        for (let position = 1; position <= last + 2; position++) {
          assert.equal(includes(ranges, position), naive(past, position, position - 1), `event ${position}`)
          assert.equal(includes(moments, position), naive(past, position, position), `moment ${position}`)
        }
      }),
    )
  })

  it('come in order and do not touch', () => {
    fc.assert(
      fc.property(pasts, (past) => {
        const ranges = readableRanges(past)
        for (const [index, { from, to }] of ranges.entries()) {
          assert.ok(from <= to)
          assert.ok(index === 0 || (ranges[index - 1]?.to ?? 0) < from - 1)
        }
      }),
    )
  })
})
