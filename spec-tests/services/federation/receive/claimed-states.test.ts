import assert from 'node:assert/strict'
import type { JsonValue } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { diffFromCurrent, stateBefore } from '#services/rooms/state/state-before.ts'
import { entriesOf } from '#services/rooms/state/state-diff.ts'
import { silent } from '../../../support/federation/receive-needs.ts'
import { type ReceivingServer } from '../../../support/federation/receiving.ts'
import { alice, openScene } from '../../../support/generators/scene.ts'
import { message, state } from '../../../support/generators/acts.ts'
import { checkRoom } from '../../../support/rooms/room-check.ts'

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
      const edge = scene.add(message(alice), { prevs: [lost] })
      const child = scene.make(message(alice), { prevs: [edge.id] })
      const told: EventId[] = [topics[first]!.id, create!, topics[1 - first]!.id, ...known]
      scene.answer({
        ...silent,
        fetchEvents: async (_source, ids) =>
          topics.filter(({ id }) => ids.includes(id)).map(({ pdu }) => pdu as unknown as JsonValue),
        fetchMissing: async () => [edge.pdu as unknown as JsonValue],
        fetchStateIds: async () => ({ state: told, authChain: [] }),
      })
      assert.equal((await scene.receive(child)).outcome, 'accepted')
      assert.equal(await scene.entry('m.room.topic'), topics[first]!.id)
    })

  for (const versionId of ['6', '11', '12'])
    it(`is the state of a gap also to a process that starts later, in room version ${versionId}`, async () => {
      await using scene = await openScene(versionId)
      const { server, room } = scene
      const before = room.order.at(-1)!
      const lost = scene.add(message(alice)).id
      const lostTopic = scene.add(state(alice, 'm.room.topic', { topic: 'lost' }), { prevs: [lost] })
      const edge = scene.add(message(alice, 'after the gap'), { prevs: [lostTopic.id] })
      const child = scene.add(message(alice, 'sent'), { prevs: [edge.id] })
      const told = [...room.replay.stateBefore([lostTopic.id]).values()]
      scene.answer({
        ...silent,
        fetchEvents: async (_source, ids) =>
          ids.includes(lostTopic.id) ? [lostTopic.pdu as unknown as JsonValue] : [],
        fetchMissing: async () => [edge.pdu as unknown as JsonValue],
        fetchStateIds: async () => ({ state: told, authChain: [] }),
      })
      assert.equal((await scene.receive(child.pdu)).outcome, 'accepted')
      scene.answer(silent)
      await using later = await server.beside()

      // What forks off before the gap and what follows it are read alike, and resolve to the same.
      const stateOf = async ({ ctx }: ReceivingServer, id: EventId) => {
        const line = (await ctx.rooms.findStored(room.roomId))!
        const event = (await ctx.store.rooms.events.find(id))!
        const diff = await diffFromCurrent(ctx, line, await stateBefore(ctx, event))
        return new Map([...entriesOf(line, diff)])
      }
      const expected = new Map(room.replay.stateBefore([lostTopic.id]))
      for (const process of [server, later]) assert.deepEqual(sorted(await stateOf(process, edge.id)), sorted(expected))
      const next = scene.add(message(alice, 'next'), { prevs: [child.id] })
      const fork = scene.add(state(alice, 'm.room.name', { name: 'fork' }), { prevs: [before] })
      for (const { pdu } of [next, fork]) assert.equal((await later.receive(room.roomId, pdu)).outcome, 'accepted')
      const after = room.replay.stateBefore([next.id, fork.id])
      const line = await later.lineFromDisk(room.roomId)
      assert.deepEqual(sorted(new Map([...line.state].map(([key, { eventId }]) => [key, eventId]))), sorted(after))
      assert.deepEqual(sorted(await stateOf(later, next.id)), sorted(expected))
      assert.deepEqual(await checkRoom(later.ctx, room.roomId), [])
    })
})

const sorted = (state: ReadonlyMap<string, EventId>) => [...state].toSorted(([one], [other]) => (one < other ? -1 : 1))
