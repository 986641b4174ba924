import assert from 'node:assert/strict'
import { accepted, refused, type TestUser } from '../../../support/server/client.ts'
import { act, createRoom, eventsOf, join, putState, roomPath, sendText, stateOf } from '../../../support/rooms/rooms.ts'
import { startTestServer } from '../../../support/server/server.ts'

const upgrade = (user: TestUser, roomId: string, version: string, more: object = {}) =>
  user.request('POST', roomPath(roomId, 'upgrade'), { new_version: version, ...more })

describe('upgrading rooms', () => {
  it('carries over what describes the room, and leaves a tombstone', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const carried = {
      'm.room.server_acl': { allow: ['*'] },
      'm.room.encryption': { algorithm: 'm.megolm.v1.aes-sha2' },
      'm.room.avatar': { url: 'mxc://test/pot' },
      'm.room.guest_access': { guest_access: 'forbidden' },
      'm.room.history_visibility': { history_visibility: 'joined' },
      'm.room.join_rules': { join_rule: 'knock' },
    }
    const old = await createRoom(alice, {
      room_version: '11',
      name: 'Tea',
      topic: 'Leaves',
      invite: [bob.userId],
      creation_content: { type: 'org.example', 'm.federate': false },
      initial_state: [
        ...Object.entries(carried).map(([type, content]) => ({ type, content })),
        { type: 'org.example.own', content: { n: 1 } },
      ],
    })
    accepted(await join(bob, old))
    const { replacement_room: young } = accepted(await upgrade(alice, old, '11'))
    for (const [type, content] of Object.entries(carried)) assert.deepEqual(await stateOf(server, young, type), content)
    assert.equal((await stateOf(server, young, 'm.room.name')).name, 'Tea')
    assert.equal((await stateOf(server, young, 'm.room.topic')).topic, 'Leaves')
    assert.equal(await stateOf(server, young, 'org.example.own'), undefined)
    assert.equal(await stateOf(server, young, 'm.room.member', bob.userId), undefined)
    const create = await stateOf(server, young, 'm.room.create')
    assert.equal(create.type, 'org.example')
    assert.equal(create['m.federate'], false)
    assert.equal(create.predecessor.room_id, old)
    assert.ok((await eventsOf(server, old)).some(({ eventId }) => eventId === create.predecessor.event_id))
    assert.equal((await stateOf(server, old, 'm.room.tombstone')).replacement_room, young)
  })

  it('silences the old room', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const old = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, old))
    await sendText(bob, old, 'before')
    accepted(await upgrade(alice, old, '12'))
    const { events_default: send, invite, kick } = await stateOf(server, old, 'm.room.power_levels')
    assert.deepEqual({ send, invite, kick }, { send: 50, invite: 50, kick: 50 })
    refused(await bob.request('PUT', roomPath(old, 'send', 'm.room.message', '1'), {}), 403, 'M_FORBIDDEN')
    refused(await act(bob, 'invite', old, (await server.register('carol')).userId), 403, 'M_FORBIDDEN')
  })

  it('moves aliases and the place in the directory', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const old = await createRoom(alice, { visibility: 'public', room_alias_name: 'tea' })
    const { replacement_room: young } = accepted(await upgrade(alice, old, '12'))
    const alias = `/_matrix/client/v3/directory/room/${encodeURIComponent('#tea:test')}`
    assert.equal(accepted(await alice.request('GET', alias)).room_id, young)
    assert.deepEqual(await stateOf(server, young, 'm.room.canonical_alias'), { alias: '#tea:test' })
    const { chunk } = accepted(await alice.request('GET', '/_matrix/client/v3/publicRooms'))
    assert.deepEqual(
      chunk.map((room: { room_id: string }) => room.room_id),
      [young],
    )
  })

  it('takes the rooms of a space along', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const child = await createRoom(alice)
    const old = await createRoom(alice, { creation_content: { type: 'm.space' } })
    accepted(await putState(alice, old, ['m.space.child', child], { via: ['test'] }))
    accepted(await putState(alice, old, ['m.space.child', '!gone:test'], {}))
    const { replacement_room: young } = accepted(await upgrade(alice, old, '12'))
    assert.deepEqual(await stateOf(server, young, 'm.space.child', child), { via: ['test'] })
    assert.equal(await stateOf(server, young, 'm.space.child', '!gone:test'), undefined)
    assert.equal((await stateOf(server, young, 'm.room.create')).type, 'm.space')
  })

  it('keeps how its users filed the room: tags, notifications and direct chats', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const old = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, old))
    const mine = (user: TestUser) => `/_matrix/client/v3/user/${user.userId}`
    const muted = (roomId: string) => `/_matrix/client/v3/pushrules/global/room/${encodeURIComponent(roomId)}`
    for (const user of [alice, bob]) {
      const tag = `${mine(user)}/rooms/${encodeURIComponent(old)}/tags/m.favourite`
      accepted(await user.request('PUT', tag, { order: 0.5 }))
      accepted(await user.request('PUT', muted(old), { actions: [] }))
      accepted(await user.request('PUT', `${mine(user)}/account_data/m.direct`, { '@x:y': [old], '@z:y': [] }))
    }
    const { replacement_room: young } = accepted(await upgrade(alice, old, '12'))
    accepted(await join(bob, young))
    for (const user of [alice, bob]) {
      const { tags } = accepted(await user.request('GET', `${mine(user)}/rooms/${encodeURIComponent(young)}/tags`))
      assert.deepEqual(tags, { 'm.favourite': { order: 0.5 } })
      assert.deepEqual(accepted(await user.request('GET', muted(young))).actions, [])
      const direct = accepted(await user.request('GET', `${mine(user)}/account_data/m.direct`))
      assert.deepEqual(direct, { '@x:y': [old, young], '@z:y': [] })
    }
  })

  it('files the new room like the old one also where a client makes it itself', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const old = await createRoom(alice)
    const muted = (roomId: string) => `/_matrix/client/v3/pushrules/global/room/${encodeURIComponent(roomId)}`
    accepted(await alice.request('PUT', muted(old), { actions: [] }))
    const young = await createRoom(alice, { creation_content: { predecessor: { room_id: old } } })
    accepted(await putState(alice, old, ['m.room.tombstone'], { body: '', replacement_room: young }))
    assert.deepEqual(accepted(await alice.request('GET', muted(young))).actions, [])
  })

  it('is for who may send tombstones', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const old = await createRoom(alice, { preset: 'public_chat', room_version: '11' })
    accepted(await join(bob, old))
    refused(await upgrade(bob, old, '12'), 403, 'M_FORBIDDEN')
    refused(await upgrade(alice, old, 'nope'), 400, 'M_UNSUPPORTED_ROOM_VERSION')
    refused(await alice.request('POST', roomPath(old, 'upgrade'), {}), 400, 'M_MISSING_PARAM')
    refused(await upgrade(alice, old, '12', { additional_creators: ['bob'] }), 400, 'M_BAD_JSON')
    assert.equal(await stateOf(server, old, 'm.room.tombstone'), undefined)
  })

  it('lets a moderator upgrade who has no more than the level for it, and keeps everybody at their level', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const old = await createRoom(alice, {
      preset: 'public_chat',
      room_version: '10',
      initial_state: [{ type: 'm.room.encryption', content: { algorithm: 'm.megolm.v1.aes-sha2' } }],
    })
    accepted(await join(bob, old))
    const levels = {
      users: { [alice.userId]: 100, [bob.userId]: 40, '@carol:elsewhere': 90 },
      events: { 'm.room.tombstone': 40, 'm.room.encryption': 100 },
    }
    accepted(await putState(alice, old, ['m.room.power_levels'], levels))
    const { replacement_room: young } = accepted(await upgrade(bob, old, '11'))
    assert.deepEqual(await stateOf(server, young, 'm.room.power_levels'), levels)
    assert.ok(await stateOf(server, young, 'm.room.encryption'))
    assert.equal(await stateOf(server, old, 'm.room.power_levels').then(({ invite }) => invite), undefined)
  })

  it('makes creators of who upgrades and whom they name, in version 12', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const old = await createRoom(alice, { preset: 'public_chat', room_version: '11' })
    accepted(await join(bob, old))
    const users = { [alice.userId]: 100, [bob.userId]: 100, '@carol:elsewhere': 50, '@dave:elsewhere': 60 }
    accepted(await putState(alice, old, ['m.room.power_levels'], { users, events: { 'm.room.tombstone': 100 } }))
    const { replacement_room: young } = accepted(
      await upgrade(bob, old, '12', { additional_creators: ['@carol:elsewhere'] }),
    )
    const create = await stateOf(server, young, 'm.room.create')
    const content = await stateOf(server, young, 'm.room.power_levels')
    assert.deepEqual(create.additional_creators, ['@carol:elsewhere'])
    assert.deepEqual(create.predecessor, { room_id: old })
    assert.deepEqual(content.users, { [alice.userId]: 100, '@dave:elsewhere': 60 })
    assert.deepEqual(content.events, { 'm.room.tombstone': 150 })
  })

  it('makes administrators of creators, in versions before 12', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const old = await createRoom(alice, { creation_content: { additional_creators: ['@bob:elsewhere'] } })
    const { replacement_room: young } = accepted(await upgrade(alice, old, '11'))
    const { users } = await stateOf(server, young, 'm.room.power_levels')
    assert.deepEqual(users, { [alice.userId]: 100, '@bob:elsewhere': 100 })
  })

  it('N09 leaves no level that nobody can reach, when version 12 becomes an older one', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const old = await createRoom(alice, {
      preset: 'public_chat',
      power_level_content_override: { ban: 120, events: { 'm.room.name': 200 }, notifications: { room: 130 } },
    })
    accepted(await join(bob, old))
    const { replacement_room: young } = accepted(await upgrade(alice, old, '11'))
    const levels = await stateOf(server, young, 'm.room.power_levels')
    assert.deepEqual(levels.users, { [alice.userId]: 100 })
    assert.deepEqual(levels.events, { 'm.room.name': 100, 'm.room.tombstone': 100 })
    assert.deepEqual([levels.ban, levels.notifications.room, levels.kick], [100, 100, 50])
    accepted(await upgrade(alice, young, '10'))
  })

  it('N09 puts creators level with the highest user, when version 12 becomes an older one', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const old = await createRoom(alice, { power_level_content_override: { users: { [bob.userId]: 170 }, kick: 180 } })
    const { replacement_room: young } = accepted(await upgrade(alice, old, '11'))
    const { users, kick, events } = await stateOf(server, young, 'm.room.power_levels')
    assert.deepEqual(users, { [alice.userId]: 170, [bob.userId]: 170 })
    assert.deepEqual([kick, events['m.room.tombstone']], [170, 150])
  })

  it('N10 files no room like another whose name it merely claims', async () => {
    await using server = await startTestServer()
    const [alice, mallory] = [await server.register('alice'), await server.register('mallory')]
    const friends = await createRoom(alice, { name: 'Friends' })
    const mine = `/_matrix/client/v3/user/${alice.userId}`
    const tags = (roomId: string) => `${mine}/rooms/${encodeURIComponent(roomId)}/tags`
    accepted(await alice.request('PUT', `${tags(friends)}/m.favourite`, {}))
    accepted(await alice.request('PUT', `${mine}/account_data/m.direct`, { '@x:y': [friends] }))
    const claimed = { preset: 'public_chat', creation_content: { predecessor: { room_id: friends } } }
    const impostor = await createRoom(mallory, claimed)
    accepted(await join(alice, impostor))
    assert.deepEqual(accepted(await alice.request('GET', tags(impostor))).tags, {})
    const direct = accepted(await alice.request('GET', `${mine}/account_data/m.direct`))
    assert.deepEqual(direct, { '@x:y': [friends] })
    const elsewhere = await createRoom(mallory, claimed)
    accepted(await putState(alice, friends, ['m.room.tombstone'], { body: '', replacement_room: impostor }))
    accepted(await join(alice, elsewhere))
    assert.deepEqual(accepted(await alice.request('GET', tags(elsewhere))).tags, {})
    assert.deepEqual(accepted(await alice.request('GET', tags(impostor))).tags, { 'm.favourite': {} })
  })
})
