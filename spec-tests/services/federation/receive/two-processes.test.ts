import assert from 'node:assert/strict'
import type { EventId, UserId } from '#protocol/ids.ts'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import type { MissingEvents } from '#services/federation/receive/ports.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { member, state } from '../../../support/generators/acts.ts'
import { heldBefore } from '../../../support/server/disturbed-writes.ts'
import { silent, type ReceivingContext } from '../../../support/federation/receive-needs.ts'
import { startReceiving, type ReceivingServer } from '../../../support/federation/receiving.ts'
import { assertRoomIs } from '../../../support/federation/assert-room-is.ts'
import { sendJoinAnswer } from '../../../support/federation/send-join-answer.ts'
import { openedRoom } from '../../../support/generators/opened-room.ts'
import { alice } from '../../../support/generators/scene.ts'

const us: UserId = '@us:test'
const other: UserId = '@other:test'

for (const id of ['1', '12'])
  describe(`a room of another server in version ${id}, opened by two processes at once`, function () {
    this.timeout(30_000)
    const remote = openedRoom(id, { creator: alice, notes: 200 })
    const { order } = remote
    const opened = order.slice(-1)
    const apart = [
      remote.add(member(us, us, 'join'), { prevs: opened }),
      remote.add(member(other, other, 'join'), { prevs: opened }),
    ] as const
    const first = remote.add(member(us, us, 'join'), { prevs: opened })
    const inTurn = [first, remote.add(member(other, other, 'join'), { prevs: [first] })] as const

    /** One process waits before one of its writes while another takes in the whole room with the other join. */
    async function race(server: ReceivingServer, slow: EventId, { held, fast }: { held: number; fast: EventId }) {
      await using beside = await server.beside()
      const process = heldBefore(beside.ctx, held)
      const waiting = importSendJoin(process.ctx, sendJoinAnswer(remote, slow))
      await process.arrived
      assert.deepEqual(await importSendJoin(server.ctx, sendJoinAnswer(remote, fast)), {
        eventId: fast,
        outcome: 'accepted',
      })
      process.release()
      assert.deepEqual(await waiting, { eventId: slow, outcome: 'accepted' })
    }

    // The create event, what fills two batches of events without a place, and the join.
    for (const held of [1, 2, 3, 4]) {
      it(`takes in both joins, which do not know of each other, when one waits before write ${held}`, async () => {
        await using server = await startReceiving()
        await race(server, apart[1], { held, fast: apart[0] })
        await assertRoomIs(server, remote, apart)
        assert.deepEqual([...(await server.lineFromDisk(remote.roomId)).localUsers].toSorted(), [other, us])
      })

      it(`gives the first join its place, of which the second tells, when it waits before write ${held}`, async () => {
        await using server = await startReceiving()
        await race(server, inTurn[0], { held, fast: inTurn[1] })
        await assertRoomIs(server, remote, inTurn.slice(1))
        const next = remote.make({ type: 'm.room.message', sender: alice, content: {} }, { prevs: [...inTurn] })
        assert.equal((await server.receive(remote.roomId, next)).outcome, 'accepted')
      })
    }

    it('takes in both joins when neither waits', async () => {
      await using server = await startReceiving()
      await using beside = await server.beside()
      const processes = [server, beside] as const
      const adopting = processes.map(({ ctx }, index) => importSendJoin(ctx, sendJoinAnswer(remote, apart[index]!)))
      for (const { outcome } of await Promise.all(adopting)) assert.equal(outcome, 'accepted')
      await assertRoomIs(server, remote, apart)
    })
  })

describe('an event of another server whose past is lost, received by two processes at once', () => {
  const remote = openedRoom('11', { creator: alice })
  const joined = remote.add(member(us, us, 'join'))
  const message = { type: 'm.room.message', sender: alice, content: {} }
  const lost = remote.add(message, { prevs: [joined] })
  const named = remote.add(state(alice, 'm.room.name', { name: 'new' }), { prevs: [lost] })
  const [one, two] = [1, 2].map((count) => remote.add({ ...message, content: { count } }, { prevs: [named] }))
  const before = [...remote.replay.stateBefore([named]).values()]
  const unable: MissingEvents = {
    ...silent,
    fetchEvents: async (_source, ids) => ids.filter((id) => id !== lost).map((id) => remote.json(id)),
    fetchMissing: async () => [named, one!].map((id) => remote.json(id)),
  }
  const able: MissingEvents = {
    ...unable,
    fetchStateIds: async (_source, id) => (id === named ? { state: before, authChain: [] } : undefined),
  }

  async function start() {
    const server = await startReceiving(able)
    await importSendJoin(server.ctx, sendJoinAnswer(remote, joined))
    return server
  }

  // The event without its place, its place, and what follows it.
  for (const held of [1, 2, 3])
    it(`is stored once, when one waits before write ${held}`, async () => {
      await using server = await start()
      await using beside = await server.beside()
      const slow = heldBefore(beside.ctx, held)
      const waiting = receive(slow.ctx, two)
      await slow.arrived
      assert.equal((await receive(server.ctx, one)).outcome, 'accepted')
      slow.release()
      assert.equal((await waiting).outcome, 'accepted')
      await assertRoomIs(server, remote, [one!, two!])
    })

  it('is given its place, when the other stores it without one meanwhile', async () => {
    await using server = await start()
    await using beside = await server.beside(unable)
    const slow = heldBefore(server.ctx, 1)
    const waiting = receive(slow.ctx, one)
    await slow.arrived
    assert.equal((await receive(beside.ctx, one)).outcome, 'unresolved')
    assert.equal((await server.ctx.store.rooms.events.find(named))?.status, 'outlier')
    slow.release()
    assert.equal((await waiting).outcome, 'accepted')
    await assertRoomIs(server, remote, [one!])
  })

  const receive = (ctx: ReceivingContext, id: EventId | undefined) =>
    receiveEvent(ctx, { origin: 's0.test', roomId: remote.roomId, pdu: remote.json(id!) })
})
