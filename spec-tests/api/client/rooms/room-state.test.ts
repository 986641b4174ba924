import assert from 'node:assert/strict'
import { createRoom, eventsOf, join, putState, roomPath, stateOf } from '../../../support/rooms/rooms.ts'
import { accepted, refused } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'

const directory = (alias: string) => `/_matrix/client/v3/directory/room/${encodeURIComponent(alias)}`

describe('setting state', () => {
  it('takes a missing, an empty and any other key', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    accepted(await alice.request('PUT', roomPath(roomId, 'state', 'org.example'), { n: 1 }))
    accepted(await alice.request('PUT', `${roomPath(roomId, 'state', 'org.example')}/`, { n: 2 }))
    accepted(await putState(alice, roomId, ['org.example', 'a/b ä'], { n: 3 }))
    assert.deepEqual(await stateOf(server, roomId, 'org.example'), { n: 2 })
    assert.deepEqual(await stateOf(server, roomId, 'org.example', 'a/b ä'), { n: 3 })
  })

  it('adds no event for what is set already', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const set = async (topic: string) => accepted(await putState(alice, roomId, ['m.room.topic'], { topic })).event_id
    const first = await set('one')
    assert.equal(await set('one'), first)
    assert.notEqual(await set('two'), first)
    assert.notEqual(await set('one'), first)
    assert.equal((await eventsOf(server, roomId)).filter(({ type }) => type === 'm.room.topic').length, 3)
  })

  it('refuses who lacks the level, and keys that are other users', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    refused(await putState(bob, roomId, ['m.room.topic'], { topic: 'x' }), 403, 'M_FORBIDDEN')
    accepted(await join(bob, roomId))
    refused(await putState(bob, roomId, ['m.room.topic'], { topic: 'x' }), 403, 'M_FORBIDDEN')
    refused(await putState(alice, roomId, ['org.example', bob.userId], {}), 403, 'M_FORBIDDEN')
    accepted(await putState(alice, roomId, ['org.example', alice.userId], {}))
  })

  it('creates no room a second time', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    refused(await putState(alice, roomId, ['m.room.create'], { room_version: '12' }), 400, 'M_BAD_JSON')
  })

  it('tells malformed power levels from those that are too high', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    const set = (user: typeof alice, content: object) => putState(user, roomId, ['m.room.power_levels'], content)
    refused(await set(alice, { users: { [alice.userId]: 100 } }), 400, 'M_BAD_JSON')
    refused(await set(alice, { users: { bob: 100 } }), 400, 'M_BAD_JSON')
    refused(await set(alice, { ban: '50' }), 400, 'M_BAD_JSON')
    refused(
      await alice.request('PUT', roomPath(roomId, 'state', 'm.room.power_levels'), '{"ban":9007199254740992}'),
      400,
      'M_BAD_JSON',
    )
    accepted(await set(alice, { users: { [bob.userId]: 60 }, events: { 'm.room.power_levels': 50 } }))
    refused(await set(bob, { users: { [bob.userId]: 61 }, events: { 'm.room.power_levels': 50 } }), 403, 'M_FORBIDDEN')
  })

  it('changes memberships as their own endpoints do', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice)
    const set = (user: typeof alice, target: string, content: object) =>
      putState(user, roomId, ['m.room.member', target], content)
    refused(await set(bob, bob.userId, { membership: 'join' }), 403, 'M_FORBIDDEN')
    accepted(await set(alice, bob.userId, { membership: 'invite', reason: 'hi' }))
    refused(await set(alice, bob.userId, { membership: 'join' }), 403, 'M_FORBIDDEN')
    accepted(await set(bob, bob.userId, { membership: 'join', displayname: 'Robert' }))
    assert.equal((await stateOf(server, roomId, 'm.room.member', bob.userId)).displayname, 'Robert')
    refused(await set(bob, alice.userId, { membership: 'leave' }), 403, 'M_FORBIDDEN')
    accepted(await set(alice, bob.userId, { membership: 'ban' }))
    refused(await set(alice, bob.userId, { membership: 'dance' }), 403, 'M_FORBIDDEN')
    refused(await set(alice, 'bob', { membership: 'invite' }), 400, 'M_INVALID_PARAM')
  })

  it("accepts as canonical only aliases that are the room's", async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const [roomId, other] = [await createRoom(alice), await createRoom(alice, { room_alias_name: 'other' })]
    const set = (content: object) => putState(alice, roomId, ['m.room.canonical_alias'], content)
    for (const key of ['#one:test', '#two:test'])
      accepted(await alice.request('PUT', directory(key), { room_id: roomId }))
    refused(await set({ alias: '#missing:test' }), 400, 'M_BAD_ALIAS')
    refused(await set({ alias: '#other:test' }), 400, 'M_BAD_ALIAS')
    refused(await set({ alias: '#one:test', alt_aliases: ['#other:test'] }), 400, 'M_BAD_ALIAS')
    refused(await set({ alias: 'one' }), 400, 'M_INVALID_PARAM')
    refused(await set({ alt_aliases: ['#one'] }), 400, 'M_INVALID_PARAM')
    refused(await set({ alt_aliases: [1] }), 400, 'M_BAD_JSON')
    accepted(await set({ alias: '#one:test', alt_aliases: ['#two:test'] }))
    assert.ok(other)
  })

  it('does not look again at aliases that are listed already', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    accepted(await bob.request('PUT', directory('#gone:test'), { room_id: roomId }))
    const set = (content: object) => putState(alice, roomId, ['m.room.canonical_alias'], content)
    accepted(await set({ alias: '#gone:test' }))
    accepted(await bob.request('DELETE', directory('#gone:test')))
    accepted(await set({ alt_aliases: ['#gone:test'] }))
    accepted(await set({}))
    refused(await set({ alias: '#gone:test' }), 400, 'M_BAD_ALIAS')
  })
})
