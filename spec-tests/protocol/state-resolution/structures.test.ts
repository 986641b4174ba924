import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { EventId } from '#protocol/ids.ts'
import { separate } from '#protocol/state-resolution/conflicts.ts'
import { Heap } from '#protocol/state-resolution/heap.ts'
import { splitStateKey, stateKey, type StateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'

const text = fc.string().filter((value) => !value.includes('\0'))

describe('state keys', () => {
  it('join a type and a key so that both can be told again', () => {
    fc.assert(fc.property(text, text, (type, key) => assert.deepEqual(splitStateKey(stateKey(type, key)), [type, key])))
  })

  it('are different for different places', () => {
    assert.notEqual(stateKey('m.room.member', ''), stateKey('m.room', 'member'))
  })
})

describe('heap', () => {
  it('gives the least first, whatever the order it takes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.array(fc.integer()), (first, second) => {
        const heap = new Heap<number>((a, b) => a < b)
        for (const item of first) heap.push(item)
        const least = heap.pop()
        assert.equal(least, first.toSorted((a, b) => a - b)[0])
        for (const item of second) heap.push(item)
        const left = [...first.toSorted((a, b) => a - b).slice(1), ...second].toSorted((a, b) => a - b)
        for (const item of left) assert.equal(heap.pop(), item)
        assert.equal(heap.pop(), undefined)
      }),
    )
  })
})

describe('conflicts between states', () => {
  const place = fc.constantFrom('a', 'b', 'c', 'd').map((type) => stateKey(type, ''))
  const event = fc.constantFrom('1', '2', '3', 'bad').map((name): EventId => `$${name}`)
  const states = fc.array(
    fc.array(fc.tuple(place, event)).map((entries): StateMap => new Map(entries)),
    { minLength: 1 },
  )
  const isRejected = (id: EventId) => id === '$bad'
  const contenders = (sets: StateMap[], at: StateKey) =>
    new Set(sets.flatMap((set) => set.get(at) ?? []).filter((id) => !isRejected(id)))

  it('are the places where the states differ or some of them have nothing, since room version 2', () => {
    fc.assert(
      fc.property(states, (sets) => {
        const { unconflicted, conflicted } = separate(sets, { isRejected, absenceConflicts: true })
        for (const at of new Set(sets.flatMap((set) => [...set.keys()]))) {
          const ids = contenders(sets, at)
          const isAgreed = sets.every((set) => set.get(at) === sets[0]!.get(at))
          assert.equal(unconflicted.get(at), isAgreed ? [...ids][0] : undefined)
          assert.deepEqual(conflicted.get(at), isAgreed || ids.size === 0 ? undefined : ids)
        }
      }),
    )
  })

  it('are only the places that hold different events, in room version 1', () => {
    fc.assert(
      fc.property(states, (sets) => {
        const { unconflicted, conflicted } = separate(sets, { isRejected, absenceConflicts: false })
        for (const at of new Set(sets.flatMap((set) => [...set.keys()]))) {
          const ids = contenders(sets, at)
          assert.equal(unconflicted.get(at), ids.size === 1 ? [...ids][0] : undefined)
          assert.deepEqual(conflicted.get(at), ids.size > 1 ? ids : undefined)
        }
      }),
    )
  })
})
