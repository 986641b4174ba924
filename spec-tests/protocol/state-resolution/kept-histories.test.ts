import assert from 'node:assert/strict'
import { authEventIds } from '#protocol/events/event.ts'
import { resolveState } from '#protocol/state-resolution/resolve.ts'
import { isEntitled } from '../../support/rooms/entitled.ts'
import { deviations, type Deviation } from './deviations.ts'
import { keptHistories, roomOf, stateOf } from './kept-history.ts'
import { definitionFor } from './resolve-by-definition.ts'

/** Made by `spec-tests/differential`, whose README says how one is added. */
describe('kept histories', () => {
  const histories = keptHistories()

  for (const [name, history] of histories) {
    const room = roomOf(history)
    const sets = history.sets.map((ids) => stateOf(room, ids))
    const resolved = stateOf(room, history.ours ?? history.resolved)
    const { version, events, rejected } = room

    const how = history.ours ? 'otherwise than another implementation, on purpose' : 'as another implementation did'
    it(`resolve ${how}: ${name}`, () => {
      const event = (id: string) => events.get(id as `$${string}`)
      for (const given of [sets, sets.toReversed()]) {
        const { state } = resolveState({ version, sets: given, event, isRejected: (id) => rejected.has(id) })
        assert.deepEqual(state, resolved)
      }
      assert.deepEqual(definitionFor(room)(sets), resolved)
      if (history.ours) assert.notDeepEqual(resolved, stateOf(room, history.resolved))
    })

    it(`are rooms that might be: ${name}`, () => {
      for (const [id, pdu] of events) {
        const cited = authEventIds(pdu, version)
        assert.ok(cited.every((auth) => events.has(auth)))
        if (!rejected.has(id)) assert.ok(isEntitled(room, pdu) && !cited.some((auth) => rejected.has(auth)))
      }
    })

    if (history.shows !== undefined)
      it(`tell it from ${deviations[history.shows]}: ${name}`, () => {
        assert.notDeepEqual(definitionFor(room)(sets, history.shows), resolved)
      })
  }

  it('show every way to go astray that we know of', () => {
    const shown = new Set(histories.flatMap(([, { shows }]) => shows ?? []))
    assert.deepEqual([...shown].sort(), (Object.keys(deviations) as Deviation[]).sort())
  })
})
