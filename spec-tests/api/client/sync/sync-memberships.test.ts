import assert from 'node:assert/strict'
import { act, createRoom, join, leave, putState, sendText } from '../../../support/rooms/rooms.ts'
import { accepted } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { bodiesOf, joined, keysOf, sync } from '../../../support/server/sync.ts'

const withLeft = { room: { include_leave: true } }
const part = encodeURIComponent

describe('GET /sync on who comes and goes', () => {
  it('tells who rejects an invite of that alone, whatever the history visibility and the parameters', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, {})
    accepted(await putState(alice, roomId, ['m.room.history_visibility'], { history_visibility: 'joined' }))
    accepted(await act(alice, 'invite', roomId, bob.userId))
    const { next_batch: since } = await sync(bob)
    accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'secret' }))
    accepted(await leave(bob, roomId))

    for (const query of [{ since }, { filter: withLeft }, { since, full_state: 'true' }]) {
      const { rooms } = await sync(bob, query)
      const room = rooms.leave?.[roomId]
      assert.ok(room)
      assert.deepEqual(keysOf(room.timeline), [`m.room.member|${bob.userId}`])
      assert.deepEqual(room.state.events, [])
    }
    const { rooms } = await sync(bob, { since, use_state_after: 'true' })
    assert.deepEqual(keysOf(rooms.leave![roomId]!.state_after), [`m.room.member|${bob.userId}`])
  })

  it('tells who was banned after leaving nothing from in between', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    const { next_batch: since } = await sync(bob)
    await sendText(alice, roomId, 'before')
    accepted(await act(alice, 'kick', roomId, bob.userId))
    await sendText(alice, roomId, 'after')
    accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'secret' }))
    await act(alice, 'ban', roomId, bob.userId)

    const room = (await sync(bob, { since })).rooms.leave?.[roomId]
    assert.ok(room)
    assert.deepEqual(bodiesOf(room), ['before'])
    assert.deepEqual(
      room.timeline.events.filter(({ type }) => type === 'm.room.member').map(({ content }) => content['membership']),
      ['leave', 'ban'],
    )
    assert.ok(!keysOf(room.state).includes('m.room.topic|'))
    const after = (await sync(bob, { since, use_state_after: 'true' })).rooms.leave![roomId]!.state_after
    assert.deepEqual(
      after.events.map(({ type, content }) => [type, content['membership']]),
      [['m.room.member', 'ban']],
    )
  })

  it('tells other devices of a room that was left and forgotten since, and nobody after that', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    const { next_batch: since } = await sync(bob)
    await leave(bob, roomId)
    await bob.request('POST', `/_matrix/client/v3/rooms/${part(roomId)}/forget`, {})

    const told = await sync(bob, { since })
    assert.ok(told.rooms.leave?.[roomId])
    assert.deepEqual((await sync(bob, { since: told.next_batch })).rooms, {})
    assert.deepEqual((await sync(bob, { filter: withLeft })).rooms, {})
  })

  it('marks the timeline of a room that was joined since as limited, even when it is complete', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const { next_batch: since } = await sync(bob)
    accepted(await join(bob, roomId))

    const { timeline, state } = joined(
      await sync(bob, { since, filter: { room: { timeline: { limit: 50 } } } }),
      roomId,
    )
    assert.deepEqual([timeline.events[0]?.type, timeline.limited, state.events], ['m.room.create', true, []])
  })

  it('keeps invites and messages of ignored users from who ignores them, but not their state', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(bob, { preset: 'public_chat' })
    accepted(await join(alice, roomId))
    const path = `/_matrix/client/v3/user/${part(alice.userId)}/account_data/m.ignored_user_list`
    await alice.request('PUT', path, { ignored_users: { [bob.userId]: {} } })
    const { next_batch: since } = await sync(alice)
    const den = await createRoom(bob, {})
    accepted(await act(bob, 'invite', den, alice.userId))
    await sendText(bob, roomId, 'unheard')
    accepted(await putState(bob, roomId, ['m.room.topic'], { topic: 'tea' }))

    for (const query of [{ since }, {}]) {
      const answer = await sync(alice, query)
      assert.equal(answer.rooms.invite, undefined)
      assert.deepEqual(bodiesOf(joined(answer, roomId)), [])
      assert.ok(keysOf(joined(answer, roomId).timeline).includes('m.room.topic|'))
    }

    const ignoring = await sync(alice)
    await alice.request('PUT', path, { ignored_users: {} })
    const answer = await sync(alice)
    assert.ok(answer.rooms.invite?.[den])
    assert.ok((await sync(alice, { since: ignoring.next_batch })).rooms.invite?.[den])
    assert.deepEqual(bodiesOf(joined(answer, roomId)), ['unheard'])
  })

  it('names the same heroes warm and cold, whatever members call themselves since', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const members = []
    for (let number = 0; number < 6; number++) members.push(await server.register(`member${number}`))
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    for (const member of members) accepted(await join(member, roomId))
    const [first, second] = [members[0]!, members[1]!]
    accepted(
      await putState(first, roomId, ['m.room.member', first.userId], { membership: 'join', displayname: 'First' }),
    )
    accepted(await leave(second, roomId))
    accepted(await join(second, roomId))
    const heroes = async () => joined(await sync(alice), roomId).summary['m.heroes']
    const warm = await heroes()
    await server.context.rooms.drop(roomId as never)
    assert.deepEqual([warm, await heroes()], [expectedHeroes, expectedHeroes])
  })
})

const expectedHeroes = ['@member0:test', '@member2:test', '@member3:test', '@member4:test', '@member5:test']
