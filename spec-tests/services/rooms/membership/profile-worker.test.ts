import assert from 'node:assert/strict'
import { jobsChanged } from '#bus/topics.ts'
import { startProfileWorker } from '#services/rooms/membership/profile-worker.ts'
import { act, createRoom, eventsOf, join, putState, stateOf } from '../../../support/rooms/rooms.ts'
import { accepted } from '../../../support/server/client.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'

const profile = (userId: string, name: string) => `/_matrix/client/v3/profile/${userId}/${name}`

describe('changes of accounts', () => {
  it('show in every room the user is in, and in no other', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const rooms = await Promise.all([1, 2, 3].map(() => createRoom(alice)))
    const invited = await createRoom(bob, { invite: [alice.userId] })
    await alice.request('PUT', profile(alice.userId, 'displayname'), { displayname: 'Alice' })
    await alice.request('PUT', profile(alice.userId, 'avatar_url'), { avatar_url: 'mxc://test/a' })
    await server.settle()
    for (const roomId of rooms)
      assert.deepEqual(await stateOf(server, roomId, 'm.room.member', alice.userId), {
        displayname: 'Alice',
        avatar_url: 'mxc://test/a',
        membership: 'join',
      })
    assert.equal((await stateOf(server, invited, 'm.room.member', alice.userId)).membership, 'invite')
    await alice.request('DELETE', profile(alice.userId, 'displayname'))
    await server.settle()
    assert.equal((await stateOf(server, rooms[0]!, 'm.room.member', alice.userId)).displayname, undefined)
  })

  it('do not touch rooms when the field shows nowhere in them', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const before = await eventsOf(server, roomId)
    await alice.request('PUT', profile(alice.userId, 'm.tz'), { 'm.tz': 'Europe/Berlin' })
    await server.settle()
    assert.deepEqual(await eventsOf(server, roomId), before)
  })

  it('end in leaving every room, invite and knock of a deactivated account', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const joined = await createRoom(bob, { preset: 'public_chat' })
    accepted(await join(alice, joined))
    const invited = await createRoom(bob, { invite: [alice.userId] })
    const knocked = await createRoom(bob, {
      initial_state: [{ type: 'm.room.join_rules', content: { join_rule: 'knock' } }],
    })
    accepted(await alice.request('POST', `/_matrix/client/v3/knock/${encodeURIComponent(knocked)}`, {}))
    const banned = await createRoom(bob)
    accepted(await act(bob, 'ban', banned, alice.userId))
    const job = { id: 'one', kind: 'leave-rooms', key: alice.userId, payload: {}, now: 0 }
    await server.context.store.jobs.jobs.addAgain(job)
    server.context.bus.publish(jobsChanged, { kind: job.kind })
    await server.settle()
    for (const roomId of [joined, invited, knocked])
      assert.equal((await stateOf(server, roomId, 'm.room.member', alice.userId)).membership, 'leave')
    assert.equal((await stateOf(server, banned, 'm.room.member', alice.userId)).membership, 'ban')
  })

  it('are made up for when the server starts', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(bob, { preset: 'public_chat' })
    accepted(await join(alice, roomId))
    await server.context.store.accounts.accounts.deactivate(alice.userId, { at: 1, erase: false })
    await workOnce(server)
    assert.equal((await stateOf(server, roomId, 'm.room.member', alice.userId)).membership, 'leave')
    assert.equal((await stateOf(server, roomId, 'm.room.member', bob.userId)).membership, 'join')
  })

  it('of a profile are made up for as well, each once', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const { bus } = server.context
    const { publish } = bus
    // The server stops before anybody hears of the change.
    bus.publish = () => {}
    await alice.request('PUT', profile(alice.userId, 'displayname'), { displayname: 'Alice' })
    bus.publish = publish
    await workOnce(server)
    assert.equal((await stateOf(server, roomId, 'm.room.member', alice.userId)).displayname, 'Alice')
    accepted(await putState(alice, roomId, ['m.room.member', alice.userId], { membership: 'join', displayname: 'Al' }))
    await workOnce(server)
    assert.equal((await stateOf(server, roomId, 'm.room.member', alice.userId)).displayname, 'Al')
  })

  it('that fail in a room are carried into it when the server starts again', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const { eventWriter } = server.context.store
    const { write } = eventWriter
    eventWriter.write = () => Promise.reject(new Error('the disk is full'))
    await alice.request('PUT', profile(alice.userId, 'displayname'), { displayname: 'Alice' })
    await server.settle()
    eventWriter.write = write
    await server.clock.advance(1000)
    await workOnce(server)
    assert.equal((await stateOf(server, roomId, 'm.room.member', alice.userId)).displayname, 'Alice')
  })
})

/** What a start of the server does. */
async function workOnce(server: TestServer): Promise<void> {
  const worker = startProfileWorker(server.context)
  await worker.settle()
  await worker.stop()
  // The worker of the running server may have taken the job.
  await server.settle()
}
