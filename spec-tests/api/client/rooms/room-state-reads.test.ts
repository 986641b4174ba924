import assert from 'node:assert/strict'
import { accepted, refused, type TestReply } from '../../../support/server/client.ts'
import { act, createRoom, join, leave, putState, sendText } from '../../../support/rooms/rooms.ts'
import { readRoom, readRoomV1 } from '../../../support/rooms/room-reads.ts'
import { startTestServer } from '../../../support/server/server.ts'

type Body = TestReply['body']

const names = (chunk: Body[]) => chunk.map(({ state_key }) => state_key).sort()

describe('GET /rooms/{roomId}/state', () => {
  it('lists the present state', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice, { name: 'old' })
    accepted(await putState(alice, roomId, ['m.room.name'], { name: 'new' }))
    accepted(await putState(alice, roomId, ['org.example.thing', 'key'], { value: 1 }))

    const state: Body[] = accepted(await readRoom(alice, [roomId, 'state']))

    const keys = state.map(({ type, state_key }) => `${type} ${state_key}`)
    assert.equal(new Set(keys).size, keys.length)
    assert.ok(
      ['m.room.create ', `m.room.member ${alice.userId}`, 'org.example.thing key'].every((key) => keys.includes(key)),
    )
    assert.equal(state.find(({ type }) => type === 'm.room.name').content.name, 'new')
    assert.ok(state.every(({ room_id }) => room_id === roomId))
  })

  it('shows one part of it, as content or as the whole event, with an empty key written in any way', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice, { name: 'name' })
    accepted(await putState(alice, roomId, ['org.example.thing', 'a/key'], { value: 1 }))

    assert.deepEqual(accepted(await readRoom(alice, [roomId, 'state', 'm.room.name'])), { name: 'name' })
    assert.deepEqual(accepted(await readRoom(alice, [roomId, 'state', 'm.room.name', ''])), { name: 'name' })
    assert.deepEqual(accepted(await readRoom(alice, [roomId, 'state', 'org.example.thing', 'a/key'])), { value: 1 })
    const event = accepted(await readRoom(alice, [roomId, 'state', 'm.room.name'], { format: 'event' }))
    assert.deepEqual([event.type, event.state_key, event.content], ['m.room.name', '', { name: 'name' }])
    refused(await readRoom(alice, [roomId, 'state', 'm.room.name', 'other']), 404, 'M_NOT_FOUND')
    refused(await readRoom(alice, [roomId, 'state', 'm.room.name'], { format: 'xml' }), 400, 'M_INVALID_PARAM')
  })

  it('shows those who were thrown out the state at that moment', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const roomId = await createRoom(alice, { preset: 'public_chat', name: 'then' })
    accepted(await join(bob, roomId))
    accepted(await act(alice, 'ban', roomId, bob.userId))
    accepted(await putState(alice, roomId, ['m.room.name'], { name: 'now' }))
    accepted(await putState(alice, roomId, ['org.example.new'], {}))

    assert.deepEqual(accepted(await readRoom(bob, [roomId, 'state', 'm.room.name'])), { name: 'then' })
    assert.equal(accepted(await readRoom(bob, [roomId, 'state', 'm.room.member', bob.userId])).membership, 'ban')
    refused(await readRoom(bob, [roomId, 'state', 'org.example.new']), 404, 'M_NOT_FOUND')
    refused(await readRoom(bob, [roomId, 'joined_members']), 403, 'M_FORBIDDEN')
  })

  it('is open to everybody while the history is world readable', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const roomId = await createRoom(alice, { name: 'name' })
    const change = (history_visibility: string) =>
      putState(alice, roomId, ['m.room.history_visibility'], { history_visibility })
    accepted(await change('world_readable'))
    assert.deepEqual(accepted(await readRoom(bob, [roomId, 'state', 'm.room.name'])), { name: 'name' })

    accepted(await change('shared'))

    refused(await readRoom(bob, [roomId, 'state', 'm.room.name']), 403, 'M_FORBIDDEN')
  })
})

describe('GET /rooms/{roomId}/members', () => {
  it('lists members now or at a token, narrowed by membership', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const carol = await server.register('carol')
    const roomId = await createRoom(alice, { preset: 'public_chat', invite: [carol.userId] })
    const before = `s${server.context.store.eventWriter.position()}_0_0_0_0_0_0_x.1`
    accepted(await join(bob, roomId))
    accepted(await leave(bob, roomId))
    const read = async (query: Record<string, string>) =>
      names(accepted(await readRoom(alice, [roomId, 'members'], query)).chunk)
    const everybody = [alice.userId, bob.userId, carol.userId]

    assert.deepEqual(await read({}), everybody)
    assert.deepEqual(await read({ at: before }), [alice.userId, carol.userId])
    assert.deepEqual(await read({ at: 't0' }), [alice.userId])
    assert.deepEqual(await read({ membership: 'join' }), [alice.userId])
    assert.deepEqual(await read({ not_membership: 'leave' }), [alice.userId, carol.userId])
    assert.deepEqual(await read({ membership: 'leave', not_membership: 'join' }), [bob.userId, carol.userId])
    assert.deepEqual(await read({ at: before, not_membership: 'invite' }), [alice.userId])
    refused(await readRoom(alice, [roomId, 'members'], { at: 'nonsense' }), 400, 'M_INVALID_PARAM')
    refused(await readRoom(alice, [roomId, 'members'], { membership: 'lurk' }), 400, 'M_INVALID_PARAM')
  })

  it('shows who is joined with their names', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const roomId = await createRoom(alice, { preset: 'public_chat', invite: [] })
    accepted(await join(bob, roomId))
    const named = { membership: 'join', displayname: 'Bob', avatar_url: 'mxc://test/bob' }
    accepted(await putState(bob, roomId, ['m.room.member', bob.userId], named))

    const { joined } = accepted(await readRoom(alice, [roomId, 'joined_members']))

    assert.deepEqual(Object.keys(joined).sort(), [alice.userId, bob.userId])
    assert.deepEqual(joined[alice.userId], { display_name: 'alice', avatar_url: null })
    assert.deepEqual(joined[bob.userId], { display_name: 'Bob', avatar_url: 'mxc://test/bob' })
  })
})

describe('GET /rooms/{roomId}/timestamp_to_event', () => {
  it('finds the closest event in either direction', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    await server.clock.advance(1000)
    const early = { id: await sendText(alice, roomId, 'early'), ts: server.clock.now() }
    await server.clock.advance(1000)
    const late = { id: await sendText(alice, roomId, 'late'), ts: server.clock.now() }
    const find = (ts: number, dir: string) => readRoomV1(alice, [roomId, 'timestamp_to_event'], { ts, dir })

    assert.deepEqual(accepted(await find(early.ts, 'f')), { event_id: early.id, origin_server_ts: early.ts })
    assert.equal(accepted(await find(early.ts + 1, 'f')).event_id, late.id)
    assert.equal(accepted(await find(late.ts - 1, 'b')).event_id, early.id)
    assert.equal(accepted(await find(late.ts + 1, 'b')).event_id, late.id)
    refused(await find(late.ts + 1, 'f'), 404, 'M_NOT_FOUND')
    refused(await find(0, 'b'), 404, 'M_NOT_FOUND')
    accepted(await find(-(2 ** 31), 'f'))
    refused(await find(2 ** 53, 'f'), 400, 'M_INVALID_PARAM')
  })

  it('T33 finds no event that the reader may not see', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const hidden = { type: 'm.room.history_visibility', content: { history_visibility: 'joined' } }
    const roomId = await createRoom(alice, { preset: 'public_chat', initial_state: [hidden] })
    await server.clock.advance(1000)
    const moment = server.clock.now()
    await sendText(alice, roomId, 'hidden')
    await server.clock.advance(1000)
    accepted(await join(bob, roomId))
    await server.clock.advance(1000)
    const shown = await sendText(alice, roomId, 'shown')

    const found = accepted(await readRoomV1(bob, [roomId, 'timestamp_to_event'], { ts: moment, dir: 'f' }))

    assert.equal(accepted(await readRoom(bob, [roomId, 'event', found.event_id])).type, 'm.room.member')
    assert.equal(
      accepted(await readRoomV1(bob, [roomId, 'timestamp_to_event'], { ts: moment + 9999, dir: 'b' })).event_id,
      shown,
    )
  })
})
