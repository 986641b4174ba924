import assert from 'node:assert/strict'
import type { JsonValue } from '#protocol/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { alice, openReceivedRoom, stateAct } from '../../support/received-room.ts'

describe('a state that another server tells', function () {
  this.timeout(20_000)

  for (const first of [0, 1])
    it(`holds the first of two events told for one place, whatever their order on disk: ${first}`, async () => {
      await using scene = await openReceivedRoom('11')
      const { room } = scene
      const known = room.order.slice(1)
      const lost = room.add(scene.make({ type: 'm.room.message', sender: alice, content: {} }))
      const topics = ['one', 'two'].map((topic) => {
        const pdu = scene.make(stateAct(alice, 'm.room.topic', { topic }), { prevs: [lost] })
        return { pdu, id: room.add(pdu) }
      })
      const child = scene.make({ type: 'm.room.message', sender: alice, content: { n: 1 } }, { prevs: [lost] })
      const told: EventId[] = [topics[first]!.id, room.order[0]!, topics[1 - first]!.id, ...known]
      scene.answer({
        fetchEvents: async (_source, ids) =>
          topics.filter(({ id }) => ids.includes(id)).map(({ pdu }) => pdu as unknown as JsonValue),
        fetchStateIds: async () => ({ state: told, authChain: [] }),
      })
      assert.equal((await scene.receive(child)).outcome, 'accepted')
      assert.equal(await scene.holder('m.room.topic'), topics[first]!.id)
    })
})
