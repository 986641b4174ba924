import assert from 'node:assert/strict'
import { startTestServer } from '../../../support/server/server.ts'
import { bodiesOf, joined, keysOf, sync } from '../../../support/server/sync.ts'
import { act, createRoom, join, leave, putState, sendEvent, sendText } from '../../../support/rooms/rooms.ts'
import { accepted } from '../../../support/server/client.ts'

const part = encodeURIComponent
const limit = (count: number) => ({ room: { timeline: { limit: count } } })

describe('GET /sync', () => {
  it('tells a new user of nothing but her account data', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const { account_data, rooms, device_one_time_keys_count, next_batch } = await sync(alice)
    assert.deepEqual(
      account_data.events.map(({ type }) => type),
      ['m.push_rules'],
    )
    assert.deepEqual(rooms, {})
    assert.deepEqual(device_one_time_keys_count, { signed_curve25519: 0 })
    assert.deepEqual((await sync(alice, { since: next_batch })).account_data.events, [])
  })

  it('refuses a token that is not one of its own', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    for (const since of ['nonsense', 's1', 's1_2_3_4_5_6_7', "s1'--"]) {
      const { status, body } = await alice.request('GET', `/_matrix/client/v3/sync?since=${part(since)}`)
      assert.deepEqual([status, body['errcode']], [400, 'M_INVALID_PARAM'])
    }
  })

  it('puts the state before the timeline into state, and no event into both', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice, { name: 'One' })
    accepted(await putState(alice, roomId, ['m.room.name'], { name: 'Two' }))
    await sendText(alice, roomId, 'three')
    const room = joined(await sync(alice, { filter: limit(2) }), roomId)
    assert.equal(room.timeline.limited, true)
    assert.deepEqual(
      room.timeline.events.map(({ type }) => type),
      ['m.room.name', 'm.room.message'],
    )
    assert.equal(room.state.events.find(({ type }) => type === 'm.room.name')?.content['name'], 'One')
    assert.ok(keysOf(room.state).includes('m.room.create|'))
    assert.ok(
      room.timeline.events.every(({ event_id }) => !room.state.events.some((event) => event.event_id === event_id)),
    )
  })

  it('tells the state of a gap when the timeline is limited', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const { next_batch: since } = await sync(alice)
    accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'in the gap' }))
    accepted(await putState(alice, roomId, ['m.room.name'], { name: 'in the gap' }))
    for (const text of ['one', 'two', 'three']) await sendText(alice, roomId, text)
    const room = joined(await sync(alice, { since, filter: limit(2) }), roomId)
    assert.deepEqual([room.timeline.limited, bodiesOf(room)], [true, ['two', 'three']])
    assert.deepEqual(keysOf(room.state), ['m.room.name|', 'm.room.topic|'])
    const messages = await alice.request(
      'GET',
      `/_matrix/client/v3/rooms/${part(roomId)}/messages?dir=b&limit=1&from=${room.timeline.prev_batch}`,
    )
    assert.equal((messages.body['chunk'] as { content: { body: string } }[])[0]?.content.body, 'one')
  })

  it('tells the state after the timeline under the name the client asked for', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    for (const name of ['state_after', 'org.matrix.msc4222.state_after'] as const) {
      const parameter = name.replace('state_after', 'use_state_after')
      const first = await sync(alice, { [parameter]: 'true' })
      assert.ok(keysOf(joined(first, roomId)[name]).includes('m.room.power_levels|'))
      accepted(await putState(alice, roomId, ['m.room.topic'], { topic: name }))
      const room = joined(await sync(alice, { since: first.next_batch, [parameter]: 'true' }), roomId)
      assert.deepEqual([keysOf(room[name]), room.state], [['m.room.topic|'], undefined])
      await sendText(alice, roomId, 'no change')
    }
  })

  it('waits for news and wakes for them', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    const { next_batch: since } = await sync(alice)
    const waiting = sync(alice, { since, timeout: '30000' })
    await server.clock.waiting(1)
    await sendText(bob, roomId, 'wake up')
    assert.deepEqual(bodiesOf(joined(await waiting, roomId)), ['wake up'])
  })

  it('T78 ends at once for a device that is logged out while it waits', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const lost = await server.login('alice')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    const { next_batch: since } = await sync(lost)
    const waiting = lost.request('GET', `/_matrix/client/v3/sync?timeout=30000&since=${since}`)
    await server.clock.waiting(1)
    const left = await lost.request('POST', '/_matrix/client/v3/logout', {})
    await sendText(bob, roomId, 'not for a stolen phone')
    const { status, body } = await waiting
    assert.equal(left.status, 200)
    assert.deepEqual([status, body['errcode']], [401, 'M_UNKNOWN_TOKEN'])
  })

  it('answers an empty but complete object when the time is over', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    await createRoom(alice, { preset: 'public_chat' })
    const { next_batch: since } = await sync(alice)
    const waiting = sync(alice, { since, timeout: '30000' })
    await server.clock.waiting(1)
    await server.clock.advance(30_000)
    const { next_batch, rooms, device_one_time_keys_count } = await waiting
    assert.deepEqual(rooms?.join ?? {}, {})
    assert.ok(next_batch)
    assert.deepEqual(device_one_time_keys_count, { signed_curve25519: 0 })
  })

  it('does not read the database for a client that waits', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const { next_batch: since } = await sync(alice)
    const waiting = sync(alice, { since, timeout: '30000' })
    await server.clock.waiting(1)
    let reads = 0
    server.context.store.rooms.members.listAccountRooms = async () => (reads++, [])
    server.context.store.streams.positions = () => Promise.reject(new Error('read while waiting'))
    await createRoom(bob, { preset: 'public_chat' })
    await server.clock.advance(30_000)
    await waiting
    assert.equal(reads, 0)
  })

  it('tells an invitation with stripped state, the invitee and the inviter included', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { name: 'Private' })
    const { next_batch: since } = await sync(bob)
    accepted(await act(alice, 'invite', roomId, bob.userId))
    const told = (await sync(bob, { since })).rooms.invite?.[roomId]?.invite_state
    assert.ok(told)
    const keys = keysOf(told)
    for (const key of [
      'm.room.create|',
      'm.room.name|',
      'm.room.join_rules|',
      `m.room.member|${bob.userId}`,
      `m.room.member|${alice.userId}`,
    ])
      assert.ok(keys.includes(key), key)
    assert.ok(told.events.every((event) => event.event_id === undefined))
  })

  it('tells a room from scratch to who joins it', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat', name: 'Old' })
    for (let n = 0; n < 12; n++) await sendText(alice, roomId, `${n}`)
    const { next_batch: since } = await sync(bob)
    accepted(await join(bob, roomId))
    const room = joined(await sync(bob, { since }), roomId)
    assert.equal(room.timeline.limited, true)
    assert.ok(keysOf(room.state).includes('m.room.name|'))
    assert.equal(room.summary['m.joined_member_count'], 2)
  })

  it('tells a room that was left up to the leaving, once', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    const { next_batch: since } = await sync(bob)
    await sendText(alice, roomId, 'before')
    accepted(await act(alice, 'kick', roomId, bob.userId))
    await sendText(alice, roomId, 'after')
    const left = await sync(bob, { since })
    const room = left.rooms.leave?.[roomId]
    assert.deepEqual([room && bodiesOf(room), room?.timeline.events.at(-1)?.sender], [['before'], alice.userId])
    assert.deepEqual((await sync(bob, { since: left.next_batch })).rooms, {})
    assert.equal((await sync(bob)).rooms.leave, undefined)
    assert.ok((await sync(bob, { filter: { room: { include_leave: true } } })).rooms.leave?.[roomId])
  })

  it('tells of a rejected invitation as a room left', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, {})
    accepted(await act(alice, 'invite', roomId, bob.userId))
    const { next_batch: since } = await sync(bob)
    accepted(await leave(bob, roomId))
    const { rooms } = await sync(bob, { since })
    assert.ok(rooms.leave?.[roomId])
    assert.equal(rooms.invite, undefined)
  })

  it('loads members lazily: who speaks, the reader, and nobody twice for one device', async () => {
    await using server = await startTestServer()
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const roomId = await createRoom(alice, { preset: 'public_chat', name: 'Named' })
    accepted(await join(bob, roomId))
    accepted(await join(carol, roomId))
    for (const text of ['one', 'two']) await sendText(bob, roomId, text)
    const filter = { room: { state: { lazy_load_members: true }, timeline: { limit: 2 } } }
    const first = await sync(alice, { filter })
    const members = keysOf(joined(first, roomId).state).filter((key) => key.startsWith('m.room.member'))
    assert.ok(members.includes(`m.room.member|${bob.userId}`) && members.includes(`m.room.member|${alice.userId}`))
    await sendText(carol, roomId, 'three')
    const second = await sync(alice, { filter, since: first.next_batch })
    assert.deepEqual(
      keysOf(joined(second, roomId).state),
      members.includes(`m.room.member|${carol.userId}`) ? [] : [`m.room.member|${carol.userId}`],
    )
    await sendText(carol, roomId, 'four')
    const third = await sync(alice, { filter, since: second.next_batch })
    assert.deepEqual(keysOf(joined(third, roomId).state), [])
    await sendText(carol, roomId, 'five')
    const redundant = { room: { state: { lazy_load_members: true, include_redundant_members: true } } }
    const fourth = await sync(alice, { filter: redundant, since: third.next_batch })
    assert.deepEqual(keysOf(joined(fourth, roomId).state), [`m.room.member|${carol.userId}`])
  })

  it('tells a lazily loaded member again when the answer that told it never arrived', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const heroes: string[] = []
    for (let n = 0; n < 5; n++) heroes.push((await server.register(`hero${n}`)).userId)
    const roomId = await createRoom(alice, { preset: 'public_chat', invite: heroes })
    accepted(await join(bob, roomId))
    for (const text of ['one', 'two']) await sendText(alice, roomId, text)
    const filter = { room: { state: { lazy_load_members: true }, timeline: { limit: 2 } } }
    const { next_batch: since } = await sync(alice, { filter })
    await sendText(bob, roomId, 'three')
    const lost = await sync(alice, { filter, since })
    const again = await sync(alice, { filter, since })
    await sendText(bob, roomId, 'four')
    const next = await sync(alice, { filter, since: again.next_batch })
    const told = [lost, again, next].map((answer) => keysOf(joined(answer, roomId).state))
    assert.deepEqual(told, [[`m.room.member|${bob.userId}`], [`m.room.member|${bob.userId}`], []])
  })

  it('names the heroes of a room without a name', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, {})
    accepted(await act(alice, 'invite', roomId, bob.userId))
    const { summary } = joined(await sync(alice), roomId)
    assert.deepEqual(summary, { 'm.heroes': [bob.userId], 'm.joined_member_count': 1, 'm.invited_member_count': 1 })
  })

  it('names the heroes of a room whose name is empty or has been taken away', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { name: 'Named' })
    accepted(await act(alice, 'invite', roomId, bob.userId))
    const first = await sync(alice)
    assert.equal(joined(first, roomId).summary['m.heroes'], undefined)
    for (const content of [{ name: '' }, {}, { name: null }]) {
      accepted(await putState(alice, roomId, ['m.room.name'], content))
      assert.deepEqual(joined(await sync(alice), roomId).summary['m.heroes'], [bob.userId])
    }
    const { summary } = joined(await sync(alice, { since: first.next_batch }), roomId)
    assert.deepEqual(summary['m.heroes'], [bob.userId])
  })

  it('counts members anew, and tells of new heroes, when what changed them lies before the timeline', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const members = []
    for (let number = 0; number < 6; number++) members.push(await server.register(`member${number}`))
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    for (const member of members) accepted(await join(member, roomId))
    for (const text of ['one', 'two']) await sendText(alice, roomId, text)
    const filter = { room: { state: { lazy_load_members: true }, timeline: { limit: 2 } } }
    const { next_batch: since } = await sync(alice, { filter })
    accepted(await leave(members[0]!, roomId))
    for (const text of ['three', 'four', 'five']) await sendText(alice, roomId, text)
    const { summary, state } = joined(await sync(alice, { filter, since }), roomId)
    const heroes = members.slice(1).map(({ userId }) => userId)
    assert.deepEqual(summary, { 'm.heroes': heroes, 'm.joined_member_count': 6, 'm.invited_member_count': 0 })
    for (const hero of heroes) assert.ok(keysOf(state).includes(`m.room.member|${hero}`))
    const others = { room: { state: { types: ['x.*'] }, timeline: { types: ['x.*'] } } }
    assert.equal(joined(await sync(alice, { filter: others, since }), roomId).summary['m.joined_member_count'], 6)
  })

  it('tells the transaction id to the sending device alone', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const phone = await server.login('alice')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    await alice.request('PUT', `/_matrix/client/v3/rooms/${part(roomId)}/send/m.room.message/mine`, {
      msgtype: 'm.text',
      body: 'x',
    })
    const idSeenBy = async (device: typeof alice) =>
      joined(await sync(device), roomId).timeline.events.at(-1)?.unsigned?.['transaction_id']
    assert.deepEqual([await idSeenBy(alice), await idSeenBy(phone)], ['mine', undefined])
  })

  it('gives all state again when asked for', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const { next_batch: since } = await sync(alice)
    const room = joined(await sync(alice, { since, full_state: 'true' }), roomId)
    assert.deepEqual(room.timeline.events, [])
    assert.ok(keysOf(room.state).includes('m.room.create|'))
  })

  it('keeps to the filter: types, rooms, fields', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const [one, two] = [
      await createRoom(alice, { preset: 'public_chat' }),
      await createRoom(alice, { preset: 'public_chat' }),
    ]
    for (const roomId of [one, two]) {
      await sendText(alice, roomId, 'text')
      await sendEvent(alice, roomId, ['x.other', { body: 'other' }])
    }
    const filter = {
      room: { rooms: [one], timeline: { types: ['x.*'] }, state: { types: [] } },
      event_fields: ['type', 'content.body'],
    }
    const { rooms } = await sync(alice, { filter })
    assert.deepEqual(Object.keys(rooms.join ?? {}), [one])
    assert.deepEqual(rooms.join?.[one]?.timeline.events, [{ type: 'x.other', content: { body: 'other' } }])
    assert.deepEqual(rooms.join?.[one]?.state.events, [])
  })

  it('puts state that the filter keeps out of the timeline into state', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    await sendText(alice, roomId, 'one')
    for (const timeline of [{ types: ['m.room.message'] }, { types: [] }]) {
      const filter = { room: { timeline } }
      const first = await sync(alice, { filter })
      assert.ok(keysOf(joined(first, roomId).state).includes('m.room.create|'))
      accepted(await putState(alice, roomId, ['m.room.topic'], { topic: JSON.stringify(timeline) }))
      const second = await sync(alice, { filter, since: first.next_batch })
      await sendText(alice, roomId, 'two')
      const third = await sync(alice, { filter, since: first.next_batch })
      for (const answer of [second, third]) assert.deepEqual(keysOf(joined(answer, roomId).state), ['m.room.topic|'])
    }
  })

  it('carries typing, receipts, room account data and unread counts', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    const event = await sendText(bob, roomId, 'read me')
    const first = await sync(alice)
    assert.deepEqual(joined(first, roomId).unread_notifications, { notification_count: 1, highlight_count: 0 })
    const room = `/_matrix/client/v3/rooms/${part(roomId)}`
    await bob.request('PUT', `${room}/typing/${part(bob.userId)}`, { typing: true, timeout: 5000 })
    await alice.request('POST', `${room}/receipt/m.read/${part(event)}`, {})
    await alice.request(
      'PUT',
      `/_matrix/client/v3/user/${part(alice.userId)}/rooms/${part(roomId)}/account_data/x.note`,
      { note: 1 },
    )
    const second = await sync(alice, { since: first.next_batch })
    const { ephemeral, account_data, unread_notifications } = joined(second, roomId)
    assert.deepEqual(ephemeral.events.map(({ type }) => type).sort(), ['m.receipt', 'm.typing'])
    assert.deepEqual(account_data.events, [{ type: 'x.note', content: { note: 1 } }])
    assert.deepEqual(unread_notifications, { notification_count: 0, highlight_count: 0 })
    await server.clock.advance(6000)
    const third = await sync(alice, { since: second.next_batch })
    assert.deepEqual(joined(third, roomId).ephemeral.events, [{ type: 'm.typing', content: { user_ids: [] } }])
  })

  it('goes on after a restart with the token of before', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const { next_batch } = await sync(alice)
    const since = next_batch.replace(/_[^_]+$/, '_other.9')
    await sendText(alice, roomId, 'kept')
    await server.context.rooms.drop(roomId)
    assert.deepEqual(bodiesOf(joined(await sync(alice, { since }), roomId)), ['kept'])
  })

  it('delivers more to-device messages than fit into one answer without waiting', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    for (let n = 0; n < 120; n++)
      await alice.request('PUT', `/_matrix/client/v3/sendToDevice/x.test/n${n}`, {
        messages: { [alice.userId]: { [alice.deviceId]: { n } } },
      })
    const seen: unknown[] = []
    let since: string | undefined
    for (let turn = 0; turn < 3; turn++) {
      const answer = await sync(alice, { ...(since ? { since } : {}), timeout: '0' })
      seen.push(...answer.to_device.events.map(({ content }) => content['n']))
      since = answer.next_batch
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 120 }, (_, n) => n),
    )
  })
})
