import assert from 'node:assert/strict'
import { startFederation } from '../../../support/federation/network.ts'
import { FakePeer, memberRemotely } from '../../../support/federation/fake-peer.ts'
import { createRoom, sendText } from '../../../support/rooms/rooms.ts'

describe('transactions to other servers', () => {
  it('bear every event of users here, in order, to the servers in the room', async () => {
    await using federation = await startFederation(['a.test'])
    const [server] = federation.servers
    const ctx = server!.context
    const near = new FakePeer(federation.network, 'near.test')
    const far = new FakePeer(federation.network, 'far.test')
    const alice = await server!.register('alice')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    await memberRemotely(ctx, roomId, ['@bob:near.test', 'join'])
    for (const body of ['one', 'two', 'three']) await sendText(alice, roomId, body)
    await memberRemotely(ctx, roomId, ['@carol:far.test', 'join'])
    await sendText(alice, roomId, 'four')
    await federation.settle()

    assert.deepEqual(near.bodies, ['one', 'two', 'three', 'four'])
    assert.deepEqual(far.bodies, ['four'])
    assert.equal(near.mostUnderWay, 1)
  })
})
