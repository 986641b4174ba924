import assert from 'node:assert/strict'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { checkRoom } from '../../support/rooms/room-check.ts'
import { act, createRoom, leave, roomPath } from '../../support/rooms/rooms.ts'
import { type TestUser, accepted, refused } from '../../support/server/client.ts'
import type { TestServer } from '../../support/server/server.ts'
import { sync } from '../../support/server/sync.ts'

const client = '/_matrix/client/v3'
const knock = (user: TestUser, roomId: string, via = 'a.test') =>
  user.request('POST', `${client}/knock/${encodeURIComponent(roomId)}?via=${via}`, { reason: 'please' })

const rule = (join_rule: string) => ({ type: 'm.room.join_rules', state_key: '', content: { join_rule } })

describe('knocks between servers', () => {
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

  const membershipAtA = async (roomId: string) =>
    (await alice!.request('GET', roomPath(roomId, 'state', 'm.room.member', bob!.userId))).body.membership

  for (const version of ['7', '11', '12'])
    it(`are shown on both sides in version ${version}, and answered by an invite`, async () => {
      const roomId = await createRoom(alice!, { room_version: version, name: 'Door', initial_state: [rule('knock')] })
      assert.equal(accepted(await knock(bob!, roomId)).room_id, roomId)
      assert.equal(await membershipAtA(roomId), 'knock')
      const { events } = (await sync(bob!)).rooms!.knock![roomId]!.knock_state
      assert.ok(events.some(({ type, content }) => type === 'm.room.name' && content.name === 'Door'))
      assert.deepEqual(events.at(-1)!.content, { displayname: 'bob', membership: 'knock', reason: 'please' })
      accepted(await act(alice!, 'invite', roomId, bob!.userId))
      const { rooms } = await sync(bob!)
      assert.ok(rooms!.invite![roomId])
      assert.equal(rooms!.knock?.[roomId], undefined)
      accepted(await bob!.request('POST', roomPath(roomId, 'join'), {}))
      assert.equal(await membershipAtA(roomId), 'join')
      for (const one of [a!, b!]) assert.deepEqual(await checkRoom(one.context, roomId), [])
    })

  it('are retracted', async () => {
    const roomId = await createRoom(alice!, { initial_state: [rule('knock')] })
    accepted(await knock(bob!, roomId))
    accepted(await leave(bob!, roomId))
    await federation.settle()
    assert.equal(await membershipAtA(roomId), 'leave')
    assert.equal((await sync(bob!)).rooms?.knock?.[roomId], undefined)
  })

  it('are refused where the room lets nobody knock, or nobody is known who is in it', async () => {
    const roomId = await createRoom(alice!, { preset: 'private_chat' })
    refused(await knock(bob!, roomId), 403, 'M_FORBIDDEN')
    refused(await knock(bob!, roomId, 'b.test'), 404, 'M_NOT_FOUND')
    refused(await knock(bob!, '!nowhere:a.test'), 404, 'M_NOT_FOUND')
    const old = await createRoom(alice!, { room_version: '6', initial_state: [rule('knock')] })
    refused(await knock(bob!, old), 403, 'M_FORBIDDEN')
  })
})
