import assert from 'node:assert/strict'
import { hasValidContentHash } from '#protocol/events/content-hash.ts'
import { citationOf } from '#protocol/events/event-id.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import { createRoom, eventsOf, join, sendText, stateOf } from '../../../support/rooms/rooms.ts'
import { accepted, refused } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { newRooms } from '../../../support/server/earlier-history.ts'

const path = '/_matrix/client/v3/createRoom'
const started = async () => {
  const server = await startTestServer()
  return { server, alice: await server.register('alice'), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

describe('creating rooms', () => {
  for (const version of ['1', '2', '3', '6', '9', '10', '11', '12'])
    it(`makes a room of version ${version}`, async () => {
      await using setting = await started()
      const { server, alice } = setting
      const roomId = await createRoom(alice, { room_version: version, name: 'Tea' })
      const [create] = await eventsOf(server, roomId)
      assert.equal(create!.content.room_version, version)
      assert.equal(create!.content.creator, Number(version) < 11 ? alice.userId : undefined)
      assert.match(roomId, version === '12' ? /^![\w-]{43}$/ : /^![A-Za-z0-9]{18}:test$/)
      assert.equal(roomId === `!${create!.eventId.slice(1)}`, version === '12')
    })

  for (const version of ['1', '2'])
    it(`cites events with their hashes in version ${version}, also once the room is read again`, async () => {
      await using setting = await started()
      const { server, alice } = setting
      const roomId = await createRoom(alice, { room_version: version })
      await server.context.rooms.drop(roomId)
      await sendText(alice, roomId, 'hello')
      const place = { roomId: roomId as '!', version: roomVersion(version)! }
      const room = await server.context.store.rooms.rooms.find(roomId)
      const stored = await server.context.store.rooms.check.events(room!.nid, { after: 0, limit: 100 })
      const pdus = stored.map((event) => storedPdu(event, place))
      for (const [at, pdu] of pdus.entries()) {
        assert.deepEqual(pdu.prev_events, at === 0 ? [] : [citationOf(pdus[at - 1]!, place.version)])
        assert.ok(hasValidContentHash(pdu))
        assert.match(pdu.event_id!, /^\$[\w-]+:test$/)
      }
    })

  it('starts with the events of the specification in its order', async () => {
    await using setting = await started()
    const { server, alice } = setting
    const bob = await server.register('bob')
    const roomId = await createRoom(alice, {
      preset: 'private_chat',
      room_alias_name: 'tea',
      name: 'Tea',
      topic: 'Leaves',
      invite: [bob.userId],
      is_direct: true,
      initial_state: [
        { type: 'm.room.guest_access', content: { guest_access: 'forbidden' } },
        { type: 'org.example.b', state_key: 'key', content: { n: 1 } },
        { type: 'org.example.a', content: {} },
      ],
    })
    const events = await eventsOf(server, roomId)
    assert.deepEqual(
      events.map(({ type, stateKey }) => [type, stateKey]),
      [
        ['m.room.create', ''],
        ['m.room.member', alice.userId],
        ['m.room.power_levels', ''],
        ['m.room.canonical_alias', ''],
        ['m.room.join_rules', ''],
        ['m.room.history_visibility', ''],
        ['m.room.guest_access', ''],
        ['org.example.b', 'key'],
        ['org.example.a', ''],
        ['m.room.name', ''],
        ['m.room.topic', ''],
        ['m.room.member', bob.userId],
      ],
    )
    assert.deepEqual(events[3]!.content, { alias: '#tea:test' })
    assert.deepEqual(events[6]!.content, { guest_access: 'forbidden' })
    assert.deepEqual(events[10]!.content, {
      topic: 'Leaves',
      'm.topic': { 'm.text': [{ body: 'Leaves', mimetype: 'text/plain' }] },
    })
    assert.deepEqual(events[11]!.content, { membership: 'invite', displayname: 'bob', is_direct: true })
  })

  for (const [preset, joinRule, guestAccess] of [
    ['private_chat', 'invite', 'can_join'],
    ['trusted_private_chat', 'invite', 'can_join'],
    // NOTSPEC: guests are kept out where no event lets them in, and other servers make none that says so.
    ['public_chat', 'public', undefined],
  ] as const)
    it(`sets what ${preset} stands for`, async () => {
      await using setting = await started()
      const { server, alice } = setting
      const roomId = await createRoom(alice, { preset })
      assert.deepEqual(await stateOf(server, roomId, 'm.room.join_rules'), { join_rule: joinRule })
      const guests = guestAccess === undefined ? undefined : { guest_access: guestAccess }
      assert.deepEqual(await stateOf(server, roomId, 'm.room.guest_access'), guests)
      assert.deepEqual(await stateOf(server, roomId, 'm.room.history_visibility'), { history_visibility: 'shared' })
    })

  it('lets moderators alone invite where anybody can join, unless the client says otherwise', async () => {
    await using setting = await started()
    const { server, alice } = setting
    const levelOf = async (options: object) =>
      (await stateOf(server, await createRoom(alice, options), 'm.room.power_levels')).invite
    for (const version of ['10', '12'])
      assert.deepEqual(
        [
          await levelOf({ preset: 'public_chat', room_version: version }),
          await levelOf({ visibility: 'public', room_version: version }),
          await levelOf({ preset: 'public_chat', room_version: version, power_level_content_override: { invite: 10 } }),
          await levelOf({ preset: 'private_chat', room_version: version }),
          await levelOf({ preset: 'trusted_private_chat', room_version: version }),
        ],
        [50, 50, 10, 0, 0],
      )
  })

  it('takes the preset from the visibility when there is none', async () => {
    await using setting = await started()
    const { server, alice } = setting
    const open = await createRoom(alice, { visibility: 'public' })
    const closed = await createRoom(alice, { visibility: 'private' })
    const asked = await createRoom(alice, { visibility: 'public', preset: 'private_chat' })
    assert.deepEqual(await stateOf(server, open, 'm.room.join_rules'), { join_rule: 'public' })
    assert.deepEqual(await stateOf(server, closed, 'm.room.join_rules'), { join_rule: 'invite' })
    assert.deepEqual(await stateOf(server, asked, 'm.room.join_rules'), { join_rule: 'invite' })
    const { chunk } = accepted(await server.anonymous.request('GET', '/_matrix/client/v3/publicRooms'))
    assert.deepEqual(chunk.map((room: { room_id: string }) => room.room_id).toSorted(), [open, asked].toSorted())
  })

  it('lets name and topic win over the initial state, and the client over the preset', async () => {
    await using setting = await started()
    const { server, alice } = setting
    const roomId = await createRoom(alice, {
      topic: 'right',
      initial_state: [
        { type: 'm.room.topic', content: { topic: 'wrong' } },
        { type: 'm.room.join_rules', content: { join_rule: 'knock' } },
      ],
    })
    assert.equal((await stateOf(server, roomId, 'm.room.topic')).topic, 'right')
    assert.deepEqual(await stateOf(server, roomId, 'm.room.join_rules'), { join_rule: 'knock' })
  })

  it('keeps what the client says about the create event, but not the version or the creator', async () => {
    await using setting = await started()
    const { server, alice } = setting
    const creation = { type: 'm.space', 'm.federate': false, room_version: 'x', creator: '@x:y', 'org.example': 1 }
    const roomId = await createRoom(alice, { creation_content: creation })
    assert.deepEqual(await stateOf(server, roomId, 'm.room.create'), {
      type: 'm.space',
      'm.federate': false,
      'org.example': 1,
      room_version: '12',
    })
  })

  it('gives two rooms of one moment two ids', async () => {
    await using setting = await started()
    const { server, alice } = setting
    const rooms = await Promise.all(Array.from({ length: 10 }, () => createRoom(alice)))
    assert.equal(new Set(rooms).size, 10)
    for (const roomId of rooms) assert.equal((await eventsOf(server, roomId)).length, 6)
  })

  it('makes the partners of a trusted chat creators from version 12, and administrators before', async () => {
    await using setting = await started()
    const { server, alice } = setting
    const bob = await server.register('bob')
    const options = { preset: 'trusted_private_chat', invite: [bob.userId] }
    const additional = { additional_creators: ['@carol:elsewhere', bob.userId, alice.userId] }
    const young = await createRoom(alice, { ...options, creation_content: additional })
    const old = await createRoom(alice, { ...options, room_version: '11' })
    const { additional_creators: creators } = await stateOf(server, young, 'm.room.create')
    assert.deepEqual(creators.toSorted(), [bob.userId, '@carol:elsewhere'])
    assert.deepEqual((await stateOf(server, young, 'm.room.power_levels')).users, {})
    assert.deepEqual((await stateOf(server, old, 'm.room.power_levels')).users, {
      [alice.userId]: 100,
      [bob.userId]: 100,
    })
    accepted(await join(bob, young))
  })

  it('N44 leaves the creator out of the override where the client leaves the version to the server', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const users = { [alice.userId]: 100, [bob.userId]: 50 }
    const space = { creation_content: { type: 'm.space' }, power_level_content_override: { users, events_default: 50 } }
    const levels = await stateOf(server, await createRoom(alice, space), 'm.room.power_levels')
    assert.deepEqual([levels.users, levels.events_default], [{ [bob.userId]: 50 }, 50])
    const older = await createRoom(alice, { ...space, room_version: '11' })
    assert.deepEqual((await stateOf(server, older, 'm.room.power_levels')).users, users)
  })

  it('lays the override over the power levels', async () => {
    await using setting = await started()
    const { server, alice } = setting
    const bob = '@bob:elsewhere'
    const roomId = await createRoom(alice, {
      power_level_content_override: { users: { [bob]: 100 }, invite: 30, events: { 'm.room.name': 0 } },
    })
    const levels = await stateOf(server, roomId, 'm.room.power_levels')
    assert.deepEqual(levels.users, { [bob]: 100 })
    assert.equal(levels.invite, 30)
    assert.equal(levels.kick, 50)
    assert.deepEqual(levels.events, { 'm.room.name': 0, 'm.room.tombstone': 150 })
  })

  for (const [what, body, errcode] of [
    ['an unknown version', { room_version: 'nope' }, 'M_UNSUPPORTED_ROOM_VERSION'],
    ['a version that is a number', { room_version: 1 }, 'M_BAD_JSON'],
    ['an unknown preset', { preset: 'loud_chat' }, 'M_BAD_JSON'],
    ['an unknown visibility', { visibility: 'secret' }, 'M_BAD_JSON'],
    ['a type that is no string', { creation_content: { type: 1 } }, 'M_BAD_JSON'],
    ['an m.federate that is no boolean', { creation_content: { 'm.federate': 'no' } }, 'M_BAD_JSON'],
    ['a predecessor that is no room', { creation_content: { predecessor: { room_id: 'x' } } }, 'M_BAD_JSON'],
    ['creators that are no list', { creation_content: { additional_creators: '@a:b' } }, 'M_BAD_JSON'],
    ['creators that are no users', { creation_content: { additional_creators: ['@a:d$m.com'] } }, 'M_BAD_JSON'],
    [
      'a creator among the users',
      { room_version: '12', power_level_content_override: { users: { '@alice:test': 100 } } },
      'M_INVALID_ROOM_STATE',
    ],
    ['levels that are no integers', { power_level_content_override: { ban: 'x' } }, 'M_INVALID_ROOM_STATE'],
    ['fractions', { initial_state: [{ type: 'x', content: { n: 1.5 } }] }, 'M_BAD_JSON'],
    ['a second create event', { initial_state: [{ type: 'm.room.create', content: {} }] }, 'M_INVALID_ROOM_STATE'],
    [
      'members that are not invited',
      { initial_state: [{ type: 'm.room.member', state_key: '@bob:test', content: { membership: 'invite' } }] },
      'M_INVALID_ROOM_STATE',
    ],
    [
      "another room's alias",
      { initial_state: [{ type: 'm.room.canonical_alias', content: { alt_aliases: ['#other:test'] } }] },
      'M_BAD_ALIAS',
    ],
    ['state without content', { initial_state: [{ type: 'x' }] }, 'M_MISSING_PARAM'],
    ['an invite of what is no user id', { invite: ['bob'] }, 'M_INVALID_PARAM'],
    ['an alias with a colon', { room_alias_name: 'a:b' }, 'M_INVALID_PARAM'],
    ['an alias without a name', { room_alias_name: '' }, 'M_INVALID_PARAM'],
    ['an alias of a thousand letters', { room_alias_name: 'x'.repeat(1000) }, 'M_INVALID_PARAM'],
    [
      'rights too low for the name',
      { room_version: '11', name: 'x', power_level_content_override: { users: { '@alice:test': 1 } } },
      'M_INVALID_ROOM_STATE',
    ],
  ] as const)
    it(`refuses ${what}, and leaves nothing behind`, async () => {
      await using setting = await started()
      const { server, alice } = setting
      refused(await alice.request('POST', path, { room_alias_name: 'tea', ...body }), 400, errcode)
      assert.deepEqual(await newRooms(server.context.store), [])
      assert.equal(await server.context.store.rooms.aliases.find('#tea:test'), undefined)
    })

  it('refuses an invite of oneself, of users of servers out of reach, and by other ids', async () => {
    await using setting = await started()
    const { server, alice } = setting
    refused(await alice.request('POST', path, { invite: [alice.userId] }), 403, 'M_FORBIDDEN')
    const threepid = { medium: 'email', address: 'a@example.org', id_server: 'id.example', id_access_token: 'x' }
    refused(await alice.request('POST', path, { invite_3pid: [threepid] }), 403, 'M_SERVER_NOT_TRUSTED')
    accepted(await alice.request('POST', path, { invite_3pid: [] }))
    assert.equal((await newRooms(server.context.store)).length, 1)
  })

  it('refuses an alias that is taken, also to the second of two at once', async () => {
    await using setting = await started()
    const { server, alice } = setting
    const bob = await server.register('bob')
    const both = await Promise.all([alice, bob].map((user) => user.request('POST', path, { room_alias_name: 'tea' })))
    assert.deepEqual(both.map(({ status }) => status).toSorted(), [200, 400])
    refused(await alice.request('POST', path, { room_alias_name: 'tea' }), 400, 'M_ROOM_IN_USE')
    assert.equal((await newRooms(server.context.store)).length, 1)
  })

  it('T11 refuses state too large for an event', async () => {
    await using setting = await started()
    const { server, alice } = setting
    refused(await alice.request('POST', path, { topic: 'ä'.repeat(20_000) }), 413, 'M_TOO_LARGE')
    refused(await alice.request('POST', path, { name: 'x'.repeat(70_000) }), 413, 'M_TOO_LARGE')
    assert.deepEqual(await newRooms(server.context.store), [])
  })
})
