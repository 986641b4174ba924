import assert from 'node:assert/strict'
import { authEventIds } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import type { MissingEvents } from '#services/federation/receive/ports.ts'
import { loadAuthGraph } from '#services/rooms/state/load-auth-graph.ts'
import { member, state } from '../../../support/generators/acts.ts'
import { silent } from '../../../support/federation/receive-needs.ts'
import { startReceiving, type ReceivingServer } from '../../../support/federation/receiving.ts'
import { assertRoomIs } from '../../../support/federation/assert-room-is.ts'
import { sendJoinAnswer } from '../../../support/federation/send-join-answer.ts'
import { openedRoom } from '../../../support/generators/opened-room.ts'
import type { TestRoom } from '../../../support/generators/test-room.ts'
import { alice } from '../../../support/generators/scene.ts'

const bob: UserId = '@bob:s1.test'

/** A room on two processes that both have its auth graph in memory, before they hear of what Bob may do. */
async function start(versionId: string) {
  const remote = openedRoom(versionId, { creator: alice })
  remote.add(member(bob, bob, 'join'))
  const join = remote.add(member('@us:test', '@us:test', 'join'))
  const forked = ['one', 'two'].map((topic) => remote.add(state(alice, 'm.room.topic', { topic }), { prevs: [join] }))
  const users = remote.version.creatorsOutrankAll ? { [bob]: 50 } : { [alice]: 100, [bob]: 50 }
  const ancestor = remote.add(state(alice, 'm.room.power_levels', { users }), { prevs: forked })
  const named = remote.add(state(bob, 'm.room.name', { name: 'mine' }))
  const limited = remote.add(state(bob, 'm.room.power_levels', { users, ban: 50 }))
  const port: { answers: MissingEvents } = { answers: silent }
  const server = await startReceiving({
    fetchEvents: (...asked) => port.answers.fetchEvents(...asked),
    fetchMissing: (...asked) => port.answers.fetchMissing(...asked),
    fetchStateIds: (...asked) => port.answers.fetchStateIds(...asked),
    fetchState: (...asked) => port.answers.fetchState(...asked),
  })
  const beside = await server.beside()
  const receive = async (process: ReceivingServer, id: EventId) =>
    (await process.receive(remote.roomId, remote.json(id))).outcome
  await importSendJoin(server.ctx, sendJoinAnswer(remote, join))
  for (const id of forked) assert.equal(await receive(server, id), 'accepted')
  for (const process of [server, beside]) {
    const { size } = await loadAuthGraph(process.ctx, await process.line(remote.roomId))
    assert.ok(size > 0)
  }
  return {
    ...{ remote, server, beside, port, receive, forked, ancestor, named, limited },
    async [Symbol.asyncDispose]() {
      await beside[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

function chainOf(id: EventId, room: TestRoom): Set<EventId> {
  const chain = new Set([id])
  if (room.version.roomIdIsCreateHash) chain.add(room.order[0]!)
  for (const each of chain)
    for (const auth of authEventIds(room.replay.events.get(each)!, room.version)) chain.add(auth)
  return chain
}

describe('an auth chain of which an ancestor is missing', function () {
  this.timeout(20_000)
  for (const id of ['11', '12'])
    for (const hasPlace of [true, false])
      it(`T21 is told whole in version ${id} once the ancestor comes ${hasPlace ? 'with' : 'without'} its place`, async () => {
        await using scene = await start(id)
        const { remote, server, beside, port, receive, forked, ancestor, named, limited } = scene
        const { roomId, replay } = remote
        for (const event of [named, limited]) assert.equal(await receive(server, event), 'unresolved')
        const early = await loadAuthGraph(server.ctx, await server.line(roomId))
        for (const event of [ancestor, named, limited]) assert.equal(early.authEventsOf(event), undefined)

        if (hasPlace) assert.equal(await receive(server, ancestor), 'accepted')
        else {
          // Another server tells the state before an event whose past it does not have.
          const lost = remote.add({ type: 'm.room.message', sender: alice, content: {} }, { prevs: [ancestor] })
          const message = { type: 'm.room.message', sender: bob, content: {} }
          const edge = remote.add(message, { prevs: [lost] })
          const later = remote.add(message, { prevs: [edge] })
          const state = [...replay.stateBefore([lost]).values()]
          port.answers = {
            ...silent,
            fetchMissing: async () => [remote.json(edge)],
            fetchStateIds: async () => ({ state, authChain: [] }),
            fetchEvents: async (_source, ids) => ids.filter((each) => each !== lost).map((each) => remote.json(each)),
          }
          assert.equal(await receive(server, later), 'accepted')
          assert.equal((await server.ctx.store.rooms.events.find(ancestor))?.status, 'outlier')
          port.answers = silent
          assert.equal(await receive(server, ancestor), 'accepted')
        }
        for (const event of [named, limited]) assert.equal(await receive(server, event), 'accepted')

        // The other process heard of nothing in between, and has to resolve what rests on the ancestor and what does not.
        const contended = remote.add(state(alice, 'm.room.name', { name: 'hers' }), { prevs: forked })
        assert.equal(await receive(beside, contended), 'accepted')
        for (const process of [server, beside]) {
          const room = await process.lineFromDisk(roomId)
          const graph = await loadAuthGraph(process.ctx, await process.line(roomId))
          const fresh = await loadAuthGraph(process.ctx, room)
          for (const event of [ancestor, named, limited, contended])
            for (const each of [graph, fresh]) assert.deepEqual(each.chainOf([event]), chainOf(event, remote))
          await assertRoomIs(process, remote, room.forwardExtremities)
        }
      })
})
