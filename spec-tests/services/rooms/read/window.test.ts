import assert from 'node:assert/strict'
import fc from 'fast-check'
import { afterStale, firstOfKeys, keyOfEvent, type Placed } from '#services/rooms/read/window.ts'

const keys = ['one', 'two', 'three']

type Happening = { event: Placed; isShown: boolean; isHolder: boolean }

/** What happens in a room after a client looked: messages and state, of which some is hidden and some takes no effect. */
const happenings = fc
  .array(fc.record({ stateKey: fc.constantFrom(null, ...keys), isShown: fc.boolean(), isHolder: fc.boolean() }), {
    maxLength: 12,
  })
  .map((list) =>
    list.map(({ stateKey, isShown, isHolder }, index): Happening => {
      const position = index + 1
      return { event: { eventId: `$${position}`, position, type: 'x.state', stateKey }, isShown, isHolder }
    }),
  )

/** The room's state in the end, by a client that hears of everything in its order. */
function endOf(list: readonly Happening[]): Map<string | undefined, Placed> {
  const end = new Map<string | undefined, Placed>()
  for (const { event, isHolder } of list) if (event.stateKey !== null && isHolder) end.set(keyOfEvent(event), event)
  return end
}

/** What a client knows after the state beside a timeline and then the timeline. */
function known(shown: readonly Placed[], end: Map<string | undefined, Placed>): Map<string | undefined, Placed> {
  const inTimeline = firstOfKeys(shown)
  const state = [...end].filter(([key]) => !inTimeline.has(key as never))
  const told = shown.filter(({ stateKey }) => stateKey !== null).map((event) => [keyOfEvent(event), event] as const)
  return new Map([...state, ...told])
}

describe('the window that a reader is shown of a timeline', () => {
  it('N01 leaves a client that applies state and timeline with the state of the room, whatever is hidden', () => {
    fc.assert(
      fc.property(happenings, (list) => {
        const end = endOf(list)
        const shown = list.filter(({ isShown }) => isShown).map(({ event }) => event)
        const told = afterStale(shown, (event) => end.get(keyOfEvent(event)) === event)
        const after = known(told, end)
        for (const key of keys) {
          const stateKey = keyOfEvent({ type: 'x.state', stateKey: key })
          assert.equal(after.get(stateKey), end.get(stateKey))
        }
      }),
    )
  })

  it('N01 is cut no shorter than that needs', () => {
    fc.assert(
      fc.property(happenings, (list) => {
        const end = endOf(list)
        const shown = list.filter(({ isShown }) => isShown).map(({ event }) => event)
        const told = afterStale(shown, (event) => end.get(keyOfEvent(event)) === event)
        if (told.length === shown.length) return
        const longer = shown.slice(-told.length - 1)
        const first = longer[0] as Placed
        assert.notEqual(known(longer, end).get(keyOfEvent(first)), end.get(keyOfEvent(first)))
      }),
    )
  })
})
