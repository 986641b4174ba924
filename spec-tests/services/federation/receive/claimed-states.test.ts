import assert from 'node:assert/strict'
import type { JsonValue } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { silent } from '../../../support/federation/receiving.ts'
import { alice, message, openScene, state } from '../../../support/generators/scene.ts'

describe('a state that another server tells', function () {
  this.timeout(20_000)

  for (const first of [0, 1])
    it(`holds the first of two events told for one place, whatever their order on disk: ${first}`, async () => {
      await using scene = await openScene('11')
      const [create, ...known] = scene.room.order
      const { id: lost } = scene.add(message(alice))
      const topics = ['one', 'two'].map((topic) =>
        scene.add(state(alice, 'm.room.topic', { topic }), { prevs: [lost] }),
      )
      const child = scene.make(message(alice), { prevs: [lost] })
      const told: EventId[] = [topics[first]!.id, create!, topics[1 - first]!.id, ...known]
      scene.answer({
        ...silent,
        fetchEvents: async (_source, ids) =>
          topics.filter(({ id }) => ids.includes(id)).map(({ pdu }) => pdu as unknown as JsonValue),
        fetchStateIds: async () => ({ state: told, authChain: [] }),
      })
      assert.equal((await scene.receive(child)).outcome, 'accepted')
      assert.equal(await scene.entry('m.room.topic'), topics[first]!.id)
    })
})
