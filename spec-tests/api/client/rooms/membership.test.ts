import assert from 'node:assert/strict'
import { startTestServer } from '../../../support/server/server.ts'
import { act, createRoom, eventsOf, join, leave, putState, roomPath } from '../../../support/rooms/rooms.ts'
import { accepted, refused, type TestUser } from '../../../support/server/client.ts'

const client = '/_matrix/client/v3'
const memberOf = (events: Awaited<ReturnType<typeof eventsOf>>, userId: string) =>
  events.filter(({ type, stateKey }) => type === 'm.room.member' && stateKey === userId).at(-1)?.content
const unknownRoom = '!nosuchroomhere1234:test'

describe('memberships', () => {
  it('lets users into public rooms by id and by alias, with their profile', async () => {
    await using server = await startTestServer()
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    await bob.request('PUT', `${client}/profile/${bob.userId}/displayname`, { displayname: 'Bob' })
    await server.settle()
    const roomId = await createRoom(alice, { preset: 'public_chat', room_alias_name: 'tea' })
    const byAlias = await bob.request('POST', `${client}/join/${encodeURIComponent('#tea:test')}?via=elsewhere`, {
      reason: 'thirst',
    })
    const byId = await carol.request('POST', roomPath(roomId, 'join'), {})
    assert.deepEqual(accepted(byAlias), { room_id: roomId })
    assert.deepEqual(accepted(byId), { room_id: roomId })
    const events = await eventsOf(server, roomId)
    assert.deepEqual(memberOf(events, bob.userId), { displayname: 'Bob', membership: 'join', reason: 'thirst' })
    assert.deepEqual(memberOf(events, carol.userId), { displayname: 'carol', membership: 'join' })
  })

  it('lets clients say more of their joining, but nothing that the server answers for', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const forged = {
      membership: 'ban',
      displayname: 'Alice',
      is_direct: true,
      join_authorised_via_users_server: alice.userId,
      third_party_signed: { token: 'x' },
      third_party_invite: { signed: {} },
    }
    accepted(await bob.request('POST', roomPath(roomId, 'join'), { ...forged, 'org.example.mood': 'curious' }))
    const content = memberOf(await eventsOf(server, roomId), bob.userId)
    assert.deepEqual(content, { displayname: 'bob', membership: 'join', 'org.example.mood': 'curious' })
  })

  it('does nothing when somebody joins who is in already', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    await putState(alice, roomId, ['m.room.member', alice.userId], { membership: 'join', displayname: 'Room Alice' })
    const before = await eventsOf(server, roomId)
    accepted(await join(alice, roomId))
    assert.deepEqual(await eventsOf(server, roomId), before)
  })

  it('answers 404 to whoever joins or knocks on a room or alias that is not known', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    refused(await join(alice, unknownRoom), 404, 'M_NOT_FOUND')
    refused(await join(alice, '#nowhere:test'), 404, 'M_NOT_FOUND')
    refused(await alice.request('POST', roomPath(unknownRoom, 'join'), {}), 404, 'M_NOT_FOUND')
    refused(await alice.request('POST', `${client}/knock/${unknownRoom}`, {}), 404, 'M_NOT_FOUND')
    refused(await join(alice, 'tea'), 400, 'M_INVALID_PARAM')
    refused(await join(alice, `!${'x'.repeat(1000)}`), 404, 'M_NOT_FOUND')
    refused(await join(alice, `#${'x'.repeat(1000)}:test`), 400, 'M_INVALID_PARAM')
  })

  it('invites with a reason, and the invited may join or decline', async () => {
    await using server = await startTestServer()
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const roomId = await createRoom(alice)
    refused(await join(bob, roomId), 403, 'M_FORBIDDEN')
    accepted(await act(alice, 'invite', roomId, bob.userId, { reason: 'please' }))
    accepted(await act(alice, 'invite', roomId, carol.userId))
    assert.equal(memberOf(await eventsOf(server, roomId), bob.userId)?.reason, 'please')
    accepted(await join(bob, roomId))
    accepted(await leave(carol, roomId))
    refused(await join(carol, roomId), 403, 'M_FORBIDDEN')
    assert.equal(memberOf(await eventsOf(server, roomId), carol.userId)?.membership, 'leave')
  })

  it('refuses invites to oneself, to members, to what is no user id, and by other ids', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    refused(await act(alice, 'invite', roomId, alice.userId), 403, 'M_FORBIDDEN')
    refused(await act(alice, 'invite', roomId, bob.userId), 403, 'M_FORBIDDEN')
    refused(await act(alice, 'invite', roomId, 'bob'), 400, 'M_INVALID_PARAM')
    refused(await act(alice, 'invite', roomId, `@${'x'.repeat(1000)}:test`), 400, 'M_INVALID_PARAM')
    refused(await alice.request('POST', roomPath(roomId, 'invite'), {}), 400, 'M_MISSING_PARAM')
    const threepid = { medium: 'email', address: 'a@example.org', id_server: 'id.example', id_access_token: 'x' }
    refused(await alice.request('POST', roomPath(roomId, 'invite'), threepid), 403, 'M_SERVER_NOT_TRUSTED')
  })

  it('invites nobody who wants no invites', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice)
    const permit = (content: object) =>
      bob.request('PUT', `${client}/user/${bob.userId}/account_data/m.invite_permission_config`, content)
    accepted(await permit({ default_action: 'block' }))
    const byState = () => putState(alice, roomId, ['m.room.member', bob.userId], { membership: 'invite' })
    refused(await act(alice, 'invite', roomId, bob.userId), 403, 'M_INVITE_BLOCKED')
    refused(await byState(), 403, 'M_INVITE_BLOCKED')
    refused(await alice.request('POST', `${client}/createRoom`, { invite: [bob.userId] }), 403, 'M_INVITE_BLOCKED')
    accepted(await permit({}))
    accepted(await byState())
  })

  it('makes one event of ten joins at once', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    for (const reply of await Promise.all(Array.from({ length: 10 }, () => join(bob, roomId)))) accepted(reply)
    const joins = (await eventsOf(server, roomId)).filter(({ stateKey }) => stateKey === bob.userId)
    assert.equal(joins.length, 1)
  })

  it('lets a ban stand that races with joins and kicks', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const [ban] = await Promise.all([
      act(alice, 'ban', roomId, bob.userId),
      ...Array.from({ length: 5 }, () => [join(bob, roomId), act(alice, 'kick', roomId, bob.userId)]).flat(),
    ])
    accepted(ban!)
    assert.equal(memberOf(await eventsOf(server, roomId), bob.userId)?.membership, 'ban')
  })

  it('leaves a room once, and again without effect', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    accepted(await bob.request('POST', roomPath(roomId, 'leave'), { reason: 'tired' }))
    const after = await eventsOf(server, roomId)
    accepted(await leave(bob, roomId))
    assert.deepEqual(await eventsOf(server, roomId), after)
    assert.deepEqual(memberOf(after, bob.userId), { membership: 'leave', reason: 'tired' })
    refused(await act(bob, 'invite', roomId, alice.userId), 403, 'M_FORBIDDEN')
  })

  it('kicks only who is in the room, invited or knocking, and never lifts a ban by it', async () => {
    await using server = await startTestServer()
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const roomId = await createRoom(alice, { preset: 'public_chat', invite: [carol.userId] })
    accepted(await join(bob, roomId))
    refused(await act(bob, 'kick', roomId, alice.userId), 403, 'M_FORBIDDEN')
    accepted(await act(alice, 'kick', roomId, bob.userId, { reason: 'noise' }))
    assert.deepEqual(memberOf(await eventsOf(server, roomId), bob.userId), { membership: 'leave', reason: 'noise' })
    refused(await act(alice, 'kick', roomId, bob.userId), 403, 'M_FORBIDDEN')
    refused(await act(alice, 'kick', roomId, '@nobody:test'), 403, 'M_FORBIDDEN')
    accepted(await act(alice, 'kick', roomId, carol.userId))
    accepted(await act(alice, 'ban', roomId, bob.userId))
    refused(await act(alice, 'kick', roomId, bob.userId), 403, 'M_FORBIDDEN')
    assert.equal(memberOf(await eventsOf(server, roomId), bob.userId)?.membership, 'ban')
  })

  it('bans members and strangers, and lifts bans of the banned alone', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    refused(await act(alice, 'unban', roomId, bob.userId), 403, 'M_FORBIDDEN')
    accepted(await act(alice, 'ban', roomId, bob.userId, { reason: 'spam' }))
    accepted(await act(alice, 'ban', roomId, '@stranger:elsewhere'))
    refused(await join(bob, roomId), 403, 'M_FORBIDDEN')
    refused(await leave(bob, roomId), 403, 'M_FORBIDDEN')
    refused(await act(bob, 'unban', roomId, bob.userId), 403, 'M_FORBIDDEN')
    accepted(await act(alice, 'unban', roomId, bob.userId))
    accepted(await join(bob, roomId))
  })

  it('takes knocks where the room does, and lets them in by an invite', async () => {
    await using server = await startTestServer()
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const knocking = [{ type: 'm.room.join_rules', content: { join_rule: 'knock' } }]
    const roomId = await createRoom(alice, { initial_state: knocking })
    const closed = await createRoom(alice)
    const knock = (user: TestUser, room: string) =>
      user.request('POST', `${client}/knock/${encodeURIComponent(room)}`, { reason: 'may I?' })
    refused(await knock(bob, closed), 403, 'M_FORBIDDEN')
    assert.deepEqual(accepted(await knock(bob, roomId)), { room_id: roomId })
    accepted(await knock(carol, roomId))
    assert.equal(memberOf(await eventsOf(server, roomId), bob.userId)?.reason, 'may I?')
    refused(await knock(alice, roomId), 403, 'M_FORBIDDEN')
    refused(await join(bob, roomId), 403, 'M_FORBIDDEN')
    accepted(await act(alice, 'invite', roomId, bob.userId))
    accepted(await join(bob, roomId))
    accepted(await leave(carol, roomId))
    assert.equal(memberOf(await eventsOf(server, roomId), carol.userId)?.membership, 'leave')
  })

  it('admits members of other rooms to restricted rooms, in the name of one who may invite', async () => {
    await using server = await startTestServer()
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const club = await createRoom(alice, { preset: 'public_chat', room_version: '11' })
    const rules = { join_rule: 'restricted', allow: [{ type: 'm.room_membership', room_id: club }] }
    const roomId = await createRoom(alice, {
      room_version: '11',
      initial_state: [{ type: 'm.room.join_rules', content: rules }],
    })
    refused(await join(bob, roomId), 403, 'M_FORBIDDEN')
    accepted(await join(bob, club))
    accepted(await join(bob, roomId))
    assert.equal(memberOf(await eventsOf(server, roomId), bob.userId)?.join_authorised_via_users_server, alice.userId)
    const own = { membership: 'join', join_authorised_via_users_server: alice.userId }
    refused(await putState(carol, roomId, ['m.room.member', carol.userId], own), 403, 'M_FORBIDDEN')
    accepted(await act(alice, 'invite', roomId, carol.userId))
    accepted(await join(carol, roomId))
    assert.ok(!('join_authorised_via_users_server' in memberOf(await eventsOf(server, roomId), carol.userId)))
  })

  it('forgets a room only after leaving it', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const forget = (user: TestUser) => user.request('POST', roomPath(roomId, 'forget'), {})
    refused(await forget(alice), 400, 'M_UNKNOWN')
    refused(await forget(bob), 403, 'M_FORBIDDEN')
    accepted(await join(bob, roomId))
    accepted(await leave(bob, roomId))
    accepted(await forget(bob))
    accepted(await forget(bob))
    accepted(await join(bob, roomId))
    refused(await forget(bob), 400, 'M_UNKNOWN')
  })

  it('lists the rooms a user is joined to, and no others', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const joined = async (user: TestUser) =>
      accepted(await user.request('GET', `${client}/joined_rooms`)).joined_rooms.toSorted()
    const rooms = [await createRoom(alice), await createRoom(alice, { invite: [bob.userId] })]
    assert.deepEqual(await joined(alice), rooms.toSorted())
    assert.deepEqual(await joined(bob), [])
    accepted(await leave(alice, rooms[0]!))
    assert.deepEqual(await joined(alice), [rooms[1]])
  })
})

describe('T79 what strangers learn of a private room by acting on it', () => {
  const actions: [name: string, run: (user: TestUser, roomId: string) => ReturnType<TestUser['request']>][] = [
    ['send', (user, roomId) => user.request('PUT', roomPath(roomId, 'send', 'm.room.message', '1'), { body: 'x' })],
    ['set state', (user, roomId) => putState(user, roomId, ['m.room.topic'], { topic: 'x' })],
    ['set a membership', (user, roomId) => putState(user, roomId, ['m.room.member', '@x:test'], { membership: 'ban' })],
    ['redact', (user, roomId) => user.request('PUT', roomPath(roomId, 'redact', '$x', '1'), {})],
    ['invite', (user, roomId) => act(user, 'invite', roomId, '@x:test')],
    ['kick', (user, roomId) => act(user, 'kick', roomId, '@x:test')],
    ['ban', (user, roomId) => act(user, 'ban', roomId, '@x:test')],
    ['unban', (user, roomId) => act(user, 'unban', roomId, '@x:test')],
    ['upgrade', (user, roomId) => user.request('POST', roomPath(roomId, 'upgrade'), { new_version: '12' })],
    ['list aliases', (user, roomId) => user.request('GET', roomPath(roomId, 'aliases'))],
    [
      'make an alias',
      (user, roomId) =>
        user.request('PUT', `${client}/directory/room/${encodeURIComponent('#a:test')}`, { room_id: roomId }),
    ],
  ]

  it('is nothing: not even whether it exists, and the same as ex-member, invited, knocking and banned', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const names = ['stranger', 'former', 'invited', 'knocking', 'banned']
    const users = Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, await server.register(name)] as const)),
    ) as Record<string, TestUser>
    const knock = [{ type: 'm.room.join_rules', content: { join_rule: 'knock' } }]
    const roomId = await createRoom(alice, { invite: [users.former!.userId], initial_state: knock })
    accepted(await join(users.former!, roomId))
    accepted(await leave(users.former!, roomId))
    accepted(await act(alice, 'invite', roomId, users.invited!.userId))
    accepted(await users.knocking!.request('POST', `${client}/knock/${encodeURIComponent(roomId)}`, {}))
    accepted(await act(alice, 'ban', roomId, users.banned!.userId))
    for (const [what, run] of actions) {
      const absent = await run(users.stranger!, unknownRoom)
      assert.equal(absent.status, 403, what)
      for (const name of names) {
        const { status, body } = await run(users[name]!, roomId)
        assert.deepEqual({ what, name, status, body }, { what, name, status: 403, body: absent.body })
      }
    }
    for (const name of ['stranger', 'banned']) refused(await leave(users[name]!, roomId), 403, 'M_FORBIDDEN')
    refused(await leave(users.stranger!, unknownRoom), 403, 'M_FORBIDDEN')
  })
})
