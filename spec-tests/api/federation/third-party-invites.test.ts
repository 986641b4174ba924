import assert from 'node:assert/strict'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { HostileServer } from '../../support/federation/hostile-server.ts'
import { checkRoom } from '../../support/rooms/room-check.ts'
import { createRoom, putState, roomPath } from '../../support/rooms/rooms.ts'
import { claimFor, offer } from '../../support/rooms/third-party.ts'
import { type TestUser, accepted, refused } from '../../support/server/client.ts'
import type { TestServer } from '../../support/server/server.ts'
import { sync } from '../../support/server/sync.ts'

const bound = '/_matrix/federation/v1/3pid/onbind'

describe('invites of third-party ids between servers', () => {
  let federation: Federation
  let [a, b]: TestServer[] = []
  let [alice, bob]: TestUser[] = []
  before(async () => {
    federation = await startFederation(['a.test', 'b.test'])
    ;[a, b] = federation.servers as [TestServer, TestServer]
    alice = await a.register('alice')
    bob = await b.register('bob')
  })
  after(() => federation[Symbol.asyncDispose]())

  const bind = (server: TestServer, invite: object) =>
    server.anonymous.request('PUT', bound, {
      medium: 'email',
      address: 'bob@example.org',
      mxid: bob!.userId,
      invites: [{ medium: 'email', address: 'bob@example.org', mxid: bob!.userId, ...invite }],
    })

  const offering = async (): Promise<string> => {
    const roomId = await createRoom(alice!, { preset: 'private_chat' })
    const content = { ...offer, display_name: 'b...@e...' }
    accepted(await putState(alice!, roomId, ['m.room.third_party_invite', 'token'], content))
    return roomId
  }

  it('become invites of their owners once an identity server has proven who these are', async () => {
    const roomId = await offering()
    accepted(await bind(b!, { room_id: roomId, sender: alice!.userId, signed: claimFor(bob!.userId) }))
    assert.ok((await sync(bob!)).rooms!.invite![roomId])
    const { body } = await alice!.request('GET', roomPath(roomId, 'state', 'm.room.member', bob!.userId))
    assert.deepEqual([body.membership, body.third_party_invite.display_name], ['invite', 'b...@e...'])
    accepted(await bob!.request('POST', roomPath(roomId, 'join'), {}))
    for (const one of [a!, b!]) assert.deepEqual(await checkRoom(one.context, roomId as `!${string}`), [])
  })

  it('T09 are exchanged for the room of the path alone, for users of the server that asks, by users here', async () => {
    const hostile = new HostileServer(federation.network, federation.clock)
    const roomId = await offering()
    const eve = '@eve:s0.test'
    const content = { membership: 'invite', third_party_invite: { display_name: 'x', signed: claimFor(eve) } }
    const event = { type: 'm.room.member', room_id: roomId, sender: alice!.userId, state_key: eve, content }
    const exchange = (body: object, room = roomId) =>
      hostile.send(a!, 'PUT', ['v1', 'exchange_third_party_invite', room], body)
    for (const wrong of [
      { ...event, room_id: '!other:a.test' },
      { ...event, type: 'm.room.message' },
      { ...event, content: { ...content, membership: 'join' } },
      { ...event, content: { membership: 'invite' } },
      { ...event, sender: 5 },
      { ...event, state_key: 'eve' },
    ])
      refused(await exchange(wrong), 400, 'M_BAD_JSON')
    refused(await exchange({ ...event, state_key: bob!.userId }), 403, 'M_FORBIDDEN')
    refused(await exchange({ ...event, sender: bob!.userId }), 403, 'M_FORBIDDEN')
    refused(await exchange({ ...event, sender: '@nobody:a.test' }), 403, 'M_FORBIDDEN')
    refused(await exchange({ ...event, room_id: '!nowhere:a.test' }, '!nowhere:a.test'), 404, 'M_NOT_FOUND')
    const ofBob = { ...content, third_party_invite: { display_name: 'x', signed: claimFor(bob!.userId) } }
    refused(await exchange({ ...event, content: ofBob }), 403, 'M_FORBIDDEN')
    const membershipOfEve = async () =>
      (await alice!.request('GET', roomPath(roomId, 'state', 'm.room.member', eve))).body.membership
    assert.equal(await membershipOfEve(), undefined)
    accepted(await exchange(event))
    assert.equal(await membershipOfEve(), 'invite')
  })

  it('are not made of proofs that do not hold', async () => {
    const roomId = await offering()
    for (const signed of [
      claimFor(bob!.userId, 'other'),
      claimFor(alice!.userId),
      { mxid: bob!.userId, token: 'token' },
    ])
      accepted(await bind(b!, { room_id: roomId, sender: alice!.userId, signed }))
    accepted(await bind(b!, { room_id: 'nothing', sender: 5, signed: null }))
    assert.equal((await sync(bob!)).rooms?.invite?.[roomId], undefined)
    refused(
      await bind(a!, { room_id: roomId, sender: alice!.userId, signed: claimFor(bob!.userId) }),
      400,
      'M_BAD_JSON',
    )
  })
})
