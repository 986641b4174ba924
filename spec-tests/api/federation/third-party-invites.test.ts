import assert from 'node:assert/strict'
import { startFederation, type Federation } from '../../support/federation/network.ts'
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
