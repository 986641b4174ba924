import assert from 'node:assert/strict'
import type { EventId } from '#protocol/ids.ts'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import type { MissingEvents } from '#services/federation/receive/ports.ts'
import { LiveRooms } from '#services/rooms/live/live-rooms.ts'
import { member } from '../../../support/generators/acts.ts'
import { AdversarialRoom } from '../../../support/federation/adversarial-room.ts'
import { countingStore, type Counts } from '../../../support/server/counting-store.ts'
import { answeringFrom, startReceiving, type ReceivingServer } from '../../../support/federation/receiving.ts'
import { assertRoomIs } from '../../../support/federation/assert-room-is.ts'
import { sendJoinAnswer } from '../../../support/federation/send-join-answer.ts'
import { SeededRandom } from '../../../support/generators/seeded-random.ts'
import { tableSizes, type TableSize } from '../../../support/server/table-sizes.ts'

const perStage = 2250
const stages = 4

/** All that is kept besides the events themselves. */
async function bookkeeping({ url }: ReceivingServer): Promise<TableSize> {
  const sizes = await tableSizes(url)
  sizes.delete('events')
  const others = [...sizes.values()]
  return others.reduce((sum, { rows, bytes }) => ({ rows: sum.rows + rows, bytes: sum.bytes + bytes }))
}

/** A process that counts what it asks of the store, and what that costs one piece of work. */
function counting(server: ReceivingServer, remote: AdversarialRoom) {
  const { store, counts } = countingStore(server.ctx.store)
  const ctx = { ...server.ctx, store, rooms: new LiveRooms(store, 'test') }
  const costOf = async (work: () => Promise<{ outcome: string }>): Promise<Counts> => {
    const before = { ...counts }
    assert.equal((await work()).outcome, 'accepted')
    return { calls: counts.calls - before.calls, rows: counts.rows - before.rows }
  }
  const { roomId } = remote
  return {
    adopt: (join: EventId, chain: readonly EventId[]) =>
      costOf(() =>
        importSendJoin(ctx, { ...sendJoinAnswer(remote, join), authChain: chain.map((id) => remote.json(id)) }),
      ),
    receive: (id: EventId) => costOf(() => receiveEvent(ctx, { origin: 's0.test', roomId, pdu: remote.json(id) })),
  }
}

const assertCosts = ({ calls, rows }: Counts, most: Counts) =>
  assert.ok(calls <= most.calls && rows <= most.rows, `${calls} calls, ${rows} rows`)

describe('an auth graph that is made to be expensive', function () {
  this.timeout(180_000)

  it('T20 takes bookkeeping and work in proportion to its 10,000 events', async () => {
    const remote = new AdversarialRoom('11', new SeededRandom(1))
    await using server = await startReceiving()
    const process = counting(server, remote)
    const grown: TableSize[] = []
    let chain = [...remote.order]
    for (let stage = 0; stage < stages; stage++) {
      const replaced = remote.order.slice(-1)
      chain.push(...remote.grow(perStage))
      const join = remote.add(member(`@u${stage}:test`, `@u${stage}:test`, 'join'), {
        prevs: [...replaced, ...remote.order.slice(-1)],
      })
      const before = await bookkeeping(server)
      assertCosts(await process.adopt(join, chain), { calls: perStage / 10, rows: perStage * 4 })
      const after = await bookkeeping(server)
      grown.push({ rows: after.rows - before.rows, bytes: after.bytes - before.bytes })
      chain = []
    }
    for (const { rows, bytes } of grown.slice(1)) {
      assert.ok(rows <= perStage * 1.1, `${rows} rows`)
      assert.ok(bytes <= grown[0]!.bytes * 1.5, `${bytes} bytes after ${grown[0]!.bytes}`)
    }

    const line = remote.grow(1000)
    for (const id of line) assertCosts(await process.receive(id), { calls: 20, rows: 50 })
    const forwardExtremities = [10, 100, 900].map((depth) => remote.grow(1, [line.at(-depth)!])[0]!)
    for (const fork of forwardExtremities) assertCosts(await process.receive(fork), { calls: 100, rows: 2000 })
    const restarted = counting(server, remote)
    const [last] = remote.grow(1, [line.at(-500)!])
    assertCosts(await restarted.receive(last!), { calls: 100, rows: remote.order.length + 2000 })

    const whole = await tableSizes(server.url)
    const { bytes } = await bookkeeping(server)
    assert.ok(bytes < whole.get('events')!.bytes / 4, `${bytes} bytes`)
    await assertRoomIs(server, remote, [line.at(-1)!, ...forwardExtremities, last!])
  })

  it('T20 gives up on a past of thousands that one event asks for, and keeps nothing of it', async () => {
    const remote = new AdversarialRoom('12', new SeededRandom(2))
    const join = remote.add(member('@us:test', '@us:test', 'join'))
    const past = remote.grow(3000)
    let asked = 0
    const elsewhere = answeringFrom(remote.replay)
    const port: MissingEvents = {
      fetchEvents: (...given) => (asked++, elsewhere.fetchEvents(...given)),
      fetchMissing: (...given) => (asked++, elsewhere.fetchMissing(...given)),
      fetchStateIds: async () => (asked++, undefined),
      fetchState: async () => (asked++, []),
    }
    await using server = await startReceiving(port)
    assert.equal((await importSendJoin(server.ctx, sendJoinAnswer(remote, join))).outcome, 'accepted')
    const before = await tableSizes(server.url)
    assert.equal((await server.receive(remote.roomId, remote.json(past.at(-1)!))).outcome, 'unresolved')
    assert.ok(asked <= 100, `${asked} questions`)
    assert.deepEqual(await tableSizes(server.url), before)
    assert.equal((await server.receive(remote.roomId, remote.json(past[500]!))).outcome, 'accepted')
    await assertRoomIs(server, remote, [past[500]!])
  })
})
