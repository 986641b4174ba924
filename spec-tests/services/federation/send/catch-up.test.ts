import assert from 'node:assert/strict'
import { FakePeer, memberRemotely } from '../../../support/federation/fake-peer.ts'
import { TestNetwork } from '../../../support/federation/network.ts'
import { startSending, userAt } from '../../../support/federation/sending.ts'
import { createRoom, sendText } from '../../../support/rooms/rooms.ts'
import { loginUser, registerUser } from '../../../support/server/client.ts'
import { startRestartableServer } from '../../../support/server/restartable-server.ts'

const minute = 60_000

describe('a server that was away', function () {
  this.timeout(60_000)

  it('gets everything when it was away for seconds, within seconds', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    const [one, two] = [await sending.room([near]), await sending.room([near])]
    near.fall()
    for (const body of ['1', '2', '3']) await sendText(sending.alice, body === '2' ? two : one, body)
    await sending.settle()
    for (let second = 0; second < 10; second++) await sending.pass(1000)
    assert.ok(near.tries >= 5, `${near.tries} attempts`)
    near.rise()
    await sending.pass(10_000)

    assert.deepEqual(near.bodies, ['1', '2', '3'])
  })

  it('gets the latest event of each room after an outage, in the order of the rooms, and then every event again', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    const rooms = [await sending.room([near]), await sending.room([near]), await sending.room([near])]
    await sendText(sending.alice, rooms[0]!, 'early')
    await sending.settle()
    near.fall()
    for (const index of [0, 1, 2, 1, 0]) await sendText(sending.alice, rooms[index]!, `${index} missed`)
    for (let passed = 0; passed < 20; passed++) await sending.pass(minute)
    for (const index of [2, 0, 1]) await sendText(sending.alice, rooms[index]!, `${index} last`)
    await sending.settle()
    near.rise()
    await sending.pass(60 * minute)
    for (const body of ['x', 'y']) await sendText(sending.alice, rooms[0]!, body)
    await sending.settle()

    assert.deepEqual(near.bodies, ['early', '2 last', '0 last', '1 last', 'x', 'y'])
  })

  it('is tried ever less often, once an hour in the end', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    const roomId = await sending.room([near])
    near.fall()
    await sendText(sending.alice, roomId, 'one')
    await sending.settle()
    const times: number[] = []
    let seen = near.tries
    for (let passed = 0; passed < 6 * 60; passed++) {
      await sending.pass(minute)
      if (near.tries > seen) times.push(passed)
      seen = near.tries
    }
    const pauses = times.slice(1).map((time, index) => time - times[index]!)
    assert.equal(pauses.at(-1), 60)
    assert.ok(pauses.every((pause, index) => index === 0 || pause >= pauses[index - 1]!))
    assert.ok(near.tries < 25, `${near.tries} attempts`)
  })

  it('is tried at once when it gives a sign of life', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    const roomId = await sending.room([near])
    near.fall()
    await sendText(sending.alice, roomId, 'one')
    for (let passed = 0; passed < 60; passed++) await sending.pass(minute)
    near.rise()
    await sending.settle()
    assert.deepEqual(near.bodies, [])
    sending.ctx.destinations.heardFrom('near.test')
    await sending.settle()

    assert.deepEqual(near.bodies, ['one'])
    assert.equal(sending.ctx.destinations.find('near.test'), undefined)
  })

  it('goes on being away after a restart, and then gets what waits', async () => {
    const network = new TestNetwork()
    const near = new FakePeer(network, 'near.test')
    await using server = await startRestartableServer({ transport: network.transportOf('test') })
    const alice = await registerUser(server.url, 'sender')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    await memberRemotely(server.context, roomId, [userAt('near.test'), 'join'])
    near.fall()
    await sendText(alice, roomId, 'one')
    await server.settle()
    for (let passed = 0; passed < 60; passed++) {
      await server.clock.advance(minute)
      await server.settle()
    }
    const before = server.context.destinations.find('near.test')
    const { tries } = near
    await server.restart()
    await server.settle()

    assert.deepEqual(server.context.destinations.find('near.test'), before)
    assert.equal(near.tries, tries)
    near.rise()
    await server.clock.advance(60 * minute)
    await server.settle()
    assert.deepEqual(near.bodies, ['one'])
  })

  it('gets every event, in order and with the id of the transaction under way, when this one was restarted meanwhile', async () => {
    const network = new TestNetwork()
    const near = new FakePeer(network, 'near.test')
    await using server = await startRestartableServer({ transport: network.transportOf('test') })
    const alice = await registerUser(server.url, 'sender')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const other = await createRoom(alice, { preset: 'public_chat' })
    for (const each of [roomId, other]) await memberRemotely(server.context, each, [userAt('near.test'), 'join'])
    await sendText(alice, roomId, 'delivered')
    await server.settle()
    // It takes the transaction, and its answer never comes.
    near.answer = async (transaction) => {
      near.received.push(transaction)
      return new Promise(() => {})
    }
    const underWay = Array.from({ length: 60 }, (_, index) => `${index}`)
    for (const body of underWay) await sendText(alice, Number(body) % 3 === 0 ? other : roomId, body)
    near.rise()
    await server.restart()
    const again = await loginUser(server.url, 'sender')
    await sendText(again, roomId, 'after')
    await server.settle()

    assert.deepEqual([...new Set(near.bodies)], ['delivered', ...underWay, 'after'])
    const ids = near.received.flatMap(({ txnId, pdus }) => pdus.map((pdu) => `${txnId} ${JSON.stringify(pdu.hashes)}`))
    const [second] = near.received.slice(1)
    const repeated = near.received.slice(2).filter(({ txnId }) => txnId === second!.txnId)
    if (second!.pdus.length === 50) assert.equal(repeated.length, 1)
    assert.ok(ids.length - new Set(near.bodies).size <= 50)
  })
})
