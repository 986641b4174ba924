import assert from 'node:assert/strict'
import { FakePeer, memberRemotely } from '../../../support/federation/fake-peer.ts'
import { startSending, userAt } from '../../../support/federation/sending.ts'
import { sendText } from '../../../support/rooms/rooms.ts'

const count = 300

describe('a room of hundreds of servers', function () {
  this.timeout(120_000)

  it('gets what users here send to all of them, so many at a time, and those that hang keep up nobody', async () => {
    await using sending = await startSending()
    const { alice, network, ctx } = sending
    const peers = Array.from({ length: count }, (_, index) => new FakePeer(network, `s${index}.test`))
    const roomId = await sending.room()
    for (const { name } of peers) await memberRemotely(ctx, roomId, [userAt(name), 'join'])
    let underWay = 0
    let most = 0
    const held = Promise.withResolvers<undefined>()
    for (const [index, peer] of peers.entries())
      peer.answer = async () => {
        most = Math.max(most, ++underWay)
        try {
          return index % 5 === 0
            ? await held.promise
            : await new Promise((resolve) => setImmediate(() => resolve(undefined)))
        } finally {
          underWay--
        }
      }
    const bodies = ['one', 'two', 'three']
    for (const body of bodies) await sendText(alice, roomId, body)
    const quick = peers.filter((_, index) => index % 5 !== 0)
    while (quick.some((peer) => peer.bodies.length < bodies.length))
      await new Promise((resolve) => setImmediate(resolve))
    for (const peer of quick) assert.deepEqual(peer.bodies, bodies)
    held.resolve(undefined)
    await sending.settle()

    for (const peer of peers) assert.deepEqual(peer.bodies, bodies)
    assert.ok(most <= 256, `${most} at once`)
  })
})
