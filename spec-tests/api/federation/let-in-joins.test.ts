import assert from 'node:assert/strict'
import { startFederation } from '../../support/federation/network.ts'
import { assertRoomsAreRight } from '../../support/rooms/room-check.ts'
import { act, createRoom, join, leave } from '../../support/rooms/rooms.ts'
import { accepted } from '../../support/server/client.ts'

describe('a join that a server let in by what it knew', () => {
  it('is right to the check of the room where our own state would not allow it', async () => {
    await using federation = await startFederation(['a.test', 'b.test'])
    const [a, b] = federation.servers
    const alice = await a!.register('alice')
    const bob = await b!.register('bob')
    const roomId = await createRoom(alice, { preset: 'private_chat' })
    accepted(await act(alice, 'invite', roomId, bob.userId))
    accepted(await join(bob, roomId))
    await federation.settle()
    federation.network.cut('a.test', 'b.test')
    accepted(await leave(alice, roomId))
    await federation.settle()
    federation.network.heal('a.test', 'b.test')
    // To b.test she has not left yet, and may join.
    federation.network.interceptor = async (_from, request, send) => {
      if (request.uri.includes('/v1/send/')) throw new Error('Transactions are held up')
      return send(request)
    }
    const path = `/_matrix/client/v3/join/${encodeURIComponent(roomId)}?server_name=b.test`
    accepted(await alice.request('POST', path, {}))
    federation.network.interceptor = undefined
    await federation.settle()
    for (const { context } of federation.servers) await assertRoomsAreRight(context)
    await federation.clock.advance(60_000)
    await federation.settle()
    const members = await Promise.all(
      federation.servers.map(async ({ context }) => [...(await context.rooms.get(roomId)).members]),
    )
    assert.deepEqual(members[0], members[1])
    for (const { context } of federation.servers) await assertRoomsAreRight(context)
  })
})
