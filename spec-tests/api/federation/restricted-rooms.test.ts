import assert from 'node:assert/strict'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { checkRoom } from '../../support/rooms/room-check.ts'
import { act, createRoom, leave, putState, roomPath } from '../../support/rooms/rooms.ts'
import { type TestUser, accepted, refused } from '../../support/server/client.ts'
import type { TestServer } from '../../support/server/server.ts'

const client = '/_matrix/client/v3'
const joinVia = (user: TestUser, room: string, via: string) =>
  user.request('POST', `${client}/join/${encodeURIComponent(room)}?via=${via}`, {})

describe('joins of restricted rooms between servers', () => {
  let federation: Federation
  let [a, b, c]: TestServer[] = []
  let [alice, bob, carol]: TestUser[] = []
  before(async () => {
    federation = await startFederation(['a.test', 'b.test', 'c.test'])
    ;[a, b, c] = federation.servers as [TestServer, TestServer, TestServer]
    alice = await a.register('alice')
    bob = await b.register('bob')
    carol = await c.register('carol')
  })
  after(() => federation[Symbol.asyncDispose]())

  const restrictedTo = (space: string, version: string) =>
    createRoom(alice!, {
      room_version: version,
      preset: 'private_chat',
      initial_state: [
        {
          type: 'm.room.join_rules',
          state_key: '',
          content: { join_rule: 'restricted', allow: [{ type: 'm.room_membership', room_id: space }] },
        },
      ],
    })

  for (const version of ['8', '10', '12'])
    it(`are signed by the server that lets the user in, in version ${version}`, async () => {
      const space = await createRoom(alice!, { preset: 'public_chat', room_version: version })
      const roomId = await restrictedTo(space, version)
      refused(await joinVia(bob!, roomId, 'a.test'), 403, 'M_FORBIDDEN')
      accepted(await joinVia(bob!, space, 'a.test'))
      accepted(await joinVia(bob!, roomId, 'a.test'))
      const { body } = await alice!.request('GET', roomPath(roomId, 'state', 'm.room.member', bob!.userId))
      assert.equal(body.join_authorised_via_users_server, alice!.userId)
      for (const one of [a!, b!]) assert.deepEqual(await checkRoom(one.context, roomId), [])
    })

  it('go to another server of the room where one cannot let the user in', async () => {
    const space = await createRoom(alice!, { preset: 'public_chat' })
    const roomId = await restrictedTo(space, '12')
    accepted(await putState(alice!, roomId, ['m.room.power_levels'], { invite: 50 }))
    const dave = await b!.register('dave')
    for (const user of [carol!, dave]) accepted(await joinVia(user, space, 'a.test'))
    accepted(await act(alice!, 'invite', roomId, bob!.userId))
    accepted(await joinVia(bob!, roomId, 'a.test'))
    await federation.settle()
    // Bob may not invite, so that his server cannot let Carol in, and says so.
    refused(await joinVia(carol!, roomId, 'b.test'), 400, 'M_UNABLE_TO_GRANT_JOIN')
    const path = `${client}/join/${encodeURIComponent(roomId)}?via=b.test&via=a.test`
    accepted(await carol!.request('POST', path, {}))
    // Here it is our own server that is in the room and cannot.
    accepted(await joinVia(dave, roomId, 'a.test'))
    const { body } = await alice!.request('GET', roomPath(roomId, 'state', 'm.room.member', dave.userId))
    assert.deepEqual([body.membership, body.join_authorised_via_users_server], ['join', alice!.userId])
    assert.deepEqual(await checkRoom(b!.context, roomId), [])
  })

  it('go through the servers that the client names, and through others known to be there only where it cannot be asked', async () => {
    const space = await createRoom(alice!, { preset: 'public_chat' })
    const roomId = await restrictedTo(space, '12')
    accepted(await putState(alice!, roomId, ['m.room.power_levels'], { invite: 50 }))
    const erin = await c!.register('erin')
    accepted(await joinVia(erin, space, 'a.test'))
    accepted(await act(alice!, 'invite', roomId, bob!.userId))
    accepted(await joinVia(bob!, roomId, 'a.test'))
    accepted(await joinVia(erin, roomId, 'a.test'))
    accepted(await leave(erin, roomId))
    await federation.settle()
    refused(await joinVia(erin, roomId, 'b.test'), 400, 'M_UNABLE_TO_AUTHORISE_JOIN')
    federation.network.cut('b.test', 'c.test')
    accepted(await joinVia(erin, roomId, 'b.test'))
    federation.network.healAll()
    await federation.settle()
    const { body } = await alice!.request('GET', roomPath(roomId, 'state', 'm.room.member', erin.userId))
    assert.equal(body.membership, 'join')
  })

  it('are referred elsewhere by a server that cannot see the condition', async () => {
    const elsewhere = await createRoom(bob!, { preset: 'public_chat' })
    const roomId = await restrictedTo(elsewhere, '12')
    refused(await joinVia(carol!, roomId, 'a.test'), 400, 'M_UNABLE_TO_AUTHORISE_JOIN')
  })
})
