import assert from 'node:assert/strict'
import type { EventId } from '#protocol/ids.ts'
import { diffFromCurrent, stateBefore } from '#services/rooms/state/state-before.ts'
import { entriesOf } from '#services/rooms/state/state-diff.ts'
import { state } from '../../../support/generators/acts.ts'
import { alice, openScene } from '../../../support/generators/scene.ts'
import { countingStore } from '../../../support/server/counting-store.ts'

describe('the state before an event of a long fork', () => {
  it('is read in one query, however many branches it builds on', async () => {
    await using scene = await openScene('11')
    const { server, room } = scene
    const topic = (text: string) => state(alice, 'm.room.topic', { topic: text })
    const start = scene.forwardExtremity
    await scene.send(topic('here'))
    const fork: EventId[] = [start]
    for (let n = 0; n < 40; n++) {
      const note = state(alice, 'org.example.note', { n }, `${n}`)
      const { id, outcome } = await scene.send(n === 0 ? topic('there') : note, { prevs: fork.slice(-1) })
      assert.equal(outcome, 'accepted')
      fork.push(id)
    }

    const live = await server.line(room.roomId)
    const { store, names } = countingStore(server.ctx.store)
    const hops = new Set<number | undefined>()
    for (const event of await server.ctx.store.rooms.events.findMany(fork.slice(1))) {
      names.length = 0
      const before = await stateBefore({ store }, event)
      assert.deepEqual(names, ['rooms.branches.chains'])
      hops.add(before.hops)
      const entries = new Map(entriesOf(live, await diffFromCurrent({ store }, live, before)))
      const prev = fork[fork.indexOf(event.eventId) - 1]!
      assert.deepEqual(entries, new Map(room.replay.stateBefore([prev])))
    }
    assert.ok(hops.has(15), 'The fork is too short for the longest chain')
  })
})
