import assert from 'node:assert/strict'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { announceEdus, enqueueEdus, type NewEdu } from '#services/remote/outgoing-edus.ts'
import { deleteExpired } from '#services/maintenance/delete-expired.ts'
import { FakePeer } from '../../../support/federation/fake-peer.ts'
import { TestNetwork } from '../../../support/federation/network.ts'
import { startSending } from '../../../support/federation/sending.ts'
import { sendText } from '../../../support/rooms/rooms.ts'
import { startRestartableServer } from '../../../support/server/restartable-server.ts'

const day = 86_400_000

const numbered = (destination: string, from: number, count: number): NewEdu[] =>
  Array.from({ length: count }, (_, index) => ({
    destination,
    type: 'm.direct_to_device',
    content: { number: from + index },
  }))

async function enqueue(ctx: Context, edus: readonly NewEdu[]): Promise<NewEdu[]> {
  const { refused } = await ctx.store.transaction((tx) => enqueueEdus(ctx, tx, edus))
  announceEdus(
    ctx,
    edus.map(({ destination }) => destination),
  )
  return refused
}

const numbersIn = (peer: FakePeer): unknown[] => peer.edus('m.direct_to_device').map(({ number }) => number)
const range = (count: number) => Array.from({ length: count }, (_, index) => index)

describe('EDUs in the durable queue of a server', function () {
  this.timeout(60_000)

  it('arrive in order, 100 in a transaction at most, beside events, and are gone then', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    const roomId = await sending.room([near])
    await enqueue(sending.ctx, numbered('near.test', 0, 120))
    await sendText(sending.alice, roomId, 'one')
    await enqueue(sending.ctx, numbered('near.test', 120, 130))
    await sending.settle()

    assert.deepEqual(numbersIn(near), range(250))
    assert.deepEqual(near.bodies, ['one'])
    assert.ok(near.received.every(({ edus }) => edus.length <= 100))
    assert.deepEqual(await sending.ctx.store.federation.outgoingEdus.list('near.test', 10), [])
  })

  it('reach servers that share no room', async () => {
    await using sending = await startSending()
    const far = sending.peer('far.test')
    await enqueue(sending.ctx, numbered('far.test', 0, 2))
    await sending.settle()
    assert.deepEqual(numbersIn(far), [0, 1])
  })

  it('outlive a long outage', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    near.fall()
    await enqueue(sending.ctx, numbered('near.test', 0, 5))
    await sending.settle()
    for (let hour = 0; hour < 48; hour++) await sending.pass(day / 24)
    await enqueue(sending.ctx, numbered('near.test', 5, 5))
    await deleteExpired(sending.ctx)
    near.rise()
    await sending.pass(day / 24)

    assert.deepEqual(numbersIn(near), range(10))
  })

  it('come again in the same transaction after a restart of this server, when the answer was lost, and then go on', async () => {
    const network = new TestNetwork()
    const near = new FakePeer(network, 'near.test')
    await using server = await startRestartableServer({ transport: network.transportOf('test') })
    near.answer = async (transaction) => {
      near.received.push(transaction)
      return new Promise(() => {})
    }
    await enqueue(server.context, numbered('near.test', 0, 150))
    while (near.received.length === 0) await new Promise((resolve) => setImmediate(resolve))
    near.rise()
    await server.restart()
    await server.settle()
    await enqueue(server.context, numbered('near.test', 150, 10))
    await server.settle()

    const [lost, again] = near.received
    assert.deepEqual(again, lost)
    assert.deepEqual(numbersIn(near), [...range(100), ...range(160)])
  })

  it('come to a server that went back to its backup as long as it had not acknowledged them, and what it had is not sent again', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    await enqueue(sending.ctx, numbered('near.test', 0, 3))
    await sending.settle()
    const backup = near.received.length
    // It takes the transaction, dies before it answers, and forgets all since its backup.
    near.answer = async (transaction) => {
      near.received.push(transaction)
      throw new Error('It died')
    }
    await enqueue(sending.ctx, numbered('near.test', 3, 3))
    await sending.settle()
    near.received.length = backup
    near.rise()
    await sending.pass(1000)

    assert.deepEqual(numbersIn(near), range(6))
    const [, first, second] = near.attempts
    assert.deepEqual(second, first)
  })

  it('of one key are replaced by the newest that waits, at the end', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    near.fall()
    const keyed = (number: number, key: string): NewEdu => ({
      destination: 'near.test',
      type: 'm.device_list_update',
      content: { number },
      key,
    })
    await enqueue(sending.ctx, [keyed(0, 'a'), keyed(1, 'b')])
    // The first transaction is under way with both, or about to be.
    await sending.settle()
    await enqueue(sending.ctx, [keyed(2, 'a'), keyed(3, 'c'), keyed(4, 'c')])
    near.rise()
    await sending.pass(1000)

    const numbers = near.edus('m.device_list_update').map(({ number }: JsonObject) => number)
    assert.deepEqual(numbers, [1, 2, 4])
  })

  it('are refused where the queue is full, and what waits stays', async () => {
    await using sending = await startSending({ limits: { outgoing_edu_bytes_per_server: 100 } })
    const near = sending.peer('near.test')
    near.fall()
    const refused = await enqueue(sending.ctx, numbered('near.test', 0, 20))
    await sending.settle()
    assert.ok(refused.length > 5 && refused.length < 15, `${refused.length} refused`)
    near.rise()
    await sending.pass(1000)
    assert.deepEqual(numbersIn(near), range(20 - refused.length))
    assert.deepEqual(await enqueue(sending.ctx, numbered('near.test', 99, 1)), [])
  })

  it('T41 are refused where no request could bear them, and keep up nothing', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    const odd: NewEdu = { destination: 'near.test', type: 'm.direct_to_device', content: { number: 1e300 } }
    const nowhere = ['a.test', 'no name', ''].flatMap((name) => numbered(name, 0, 1))
    assert.deepEqual(await enqueue(sending.ctx, [odd, ...nowhere, ...numbered('near.test', 0, 2)]), [odd, ...nowhere])
    await sending.settle()
    assert.deepEqual(numbersIn(near), [0, 1])
  })

  it('are not queued where the transaction that queues them fails', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    const { store } = sending.ctx
    await assert.rejects(
      store.transaction(async (tx) => {
        await enqueueEdus(sending.ctx, tx, numbered('near.test', 0, 1))
        throw new Error('Undone')
      }),
    )
    announceEdus(sending.ctx, ['near.test'])
    await sending.settle()
    assert.equal(near.tries, 0)
  })

  it('for servers that do not answer for months are deleted, and beyond the bound those failing longest', async () => {
    await using sending = await startSending({ limits: { outgoing_edu_bytes: 30 } })
    const { ctx } = sending
    for (const name of ['first.test', 'second.test']) {
      sending.peer(name).fall()
      await enqueue(ctx, numbered(name, 0, 2))
      await sending.pass(1000)
    }
    const waiting = async () => [
      ...(await ctx.store.federation.outgoingEdus.bytesOf(['first.test', 'second.test'])).keys(),
    ]
    await deleteExpired(ctx)
    assert.deepEqual(await waiting(), ['second.test'])
    await sending.clock.advance(61 * day)
    await sending.settle()
    await deleteExpired(ctx)
    assert.deepEqual(await waiting(), [])
  })
})
