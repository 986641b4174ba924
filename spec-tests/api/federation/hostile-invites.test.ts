import assert from 'node:assert/strict'
import type { JsonObject, JsonValue, Pdu } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import { alice, HostileServer } from '../../support/federation/hostile-server.ts'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { keyOf } from '../../support/generators/server-keys.ts'
import { checkRoom } from '../../support/rooms/room-check.ts'
import { act, createRoom, leave, putState, roomPath } from '../../support/rooms/rooms.ts'
import type { TestServer } from '../../support/server/server.ts'
import { testPassword, type TestUser, accepted, refused } from '../../support/server/client.ts'
import { sync } from '../../support/server/sync.ts'

describe('invites by hostile servers', () => {
  let federation: Federation
  let b: TestServer
  let bob: TestUser
  let hostile: HostileServer
  let rooms = 0
  before(async () => {
    federation = await startFederation(['b.test'])
    b = federation.servers[0]!
  })
  after(() => federation[Symbol.asyncDispose]())
  beforeEach(async () => {
    bob = await b.register(`bob${rooms}`)
    hostile = new HostileServer(federation.network, federation.clock, { name: `hostile${rooms++}` })
  })

  const inviteOf = (userId: UserId = bob.userId, content: JsonObject = {}) =>
    hostile.event(alice, { membership: 'invite', ...content }, { state_key: userId })

  type Sending = { room?: string; id?: string; shown?: unknown; version?: string }
  const send = ({ pdu, eventId }: { pdu: Pdu; eventId: string }, more: Sending = {}) => {
    const { room = hostile.roomId, id = eventId, shown = [], version = hostile.version.id } = more
    const body = { room_version: version, event: pdu, invite_room_state: shown }
    return hostile.send(b, 'PUT', ['v2', 'invite', room, id], body)
  }

  const invited = async () => Object.keys((await sync(bob)).rooms?.invite ?? {})

  it('T09 are of the room and by the event that the path names', async () => {
    const invite = inviteOf()
    refused(await send(invite, { room: '!other:s0.test' }), 400, 'M_INVALID_PARAM')
    refused(await send(invite, { id: '$other' }), 400, 'M_INVALID_PARAM')
    refused(
      await hostile.send(b, 'PUT', ['v1', 'invite', hostile.roomId, invite.eventId], invite.pdu),
      400,
      'M_INVALID_PARAM',
    )
    assert.deepEqual(await invited(), [])
    assert.equal(await b.context.store.rooms.rooms.find(hostile.roomId), undefined)
  })

  it('T24 are signed only where they are invites of users here by users there', async () => {
    const wrong = [
      hostile.event(alice, { membership: 'join' }, { state_key: bob.userId }),
      hostile.event(alice, { membership: 'ban' }, { state_key: bob.userId }),
      hostile.event(alice, {}, { state_key: bob.userId }),
      hostile.event(alice, { membership: 'invite' }),
      hostile.event(alice, { membership: 'invite' }, { type: 'm.room.power_levels', state_key: bob.userId }),
      hostile.event(alice, { membership: 'invite' }, { state_key: '@carol:s2.test' }),
      hostile.event(alice, { membership: 'invite' }, { state_key: 'bob' }),
      hostile.event('@carol:s2.test', { membership: 'invite' }, { state_key: bob.userId }),
      hostile.event(bob.userId, { membership: 'invite' }, { state_key: bob.userId }),
    ]
    for (const one of wrong) refused(await send(one), 400, 'M_INVALID_PARAM')
    refused(await send(inviteOf('@nobody:b.test')), 404, 'M_NOT_FOUND')
    assert.deepEqual(await invited(), [])
    assert.equal(await b.context.store.rooms.rooms.find(hostile.roomId), undefined)
  })

  it('T26 are signed by the server that sends them', async () => {
    const invite = inviteOf()
    const { signatures } = invite.pdu
    for (const each of [{}, { 's1.test': signatures['s0.test'] }, { 's0.test': { 'ed25519:1': 'AAAA' } }])
      refused(await send({ ...invite, pdu: { ...invite.pdu, signatures: each } as Pdu }), 400, 'M_INVALID_PARAM')
    const forged = hostile.resign(invite.pdu, { ...keyOf('s1.test'), serverName: 's0.test' })
    refused(await send(forged), 400, 'M_INVALID_PARAM')
    const changed = { ...invite.pdu, content: { ...invite.pdu.content, reason: 'more' } }
    refused(await send({ ...invite, pdu: changed }), 400, 'M_INVALID_PARAM')
    assert.deepEqual(await invited(), [])
    const { event } = accepted(await send(invite))
    const { signatures: both, ...rest } = event
    const { signatures: _own, ...sent } = invite.pdu
    assert.deepEqual([rest, Object.keys(both).sort()], [sent, ['b.test', 's0.test']])
    assert.deepEqual(await invited(), [hostile.roomId])
  })

  it('of a version that we do not know are refused with its name', async () => {
    const reply = await send(inviteOf(), { version: 'org.example.1' })
    refused(reply, 400, 'M_INCOMPATIBLE_ROOM_VERSION')
    assert.equal(reply.body.room_version, 'org.example.1')
  })

  it('of users who take none are refused, and those of ignored users are not shown', async () => {
    const path = `/_matrix/client/v3/user/${encodeURIComponent(bob.userId)}/account_data/`
    accepted(await bob.request('PUT', `${path}m.invite_permission_config`, { default_action: 'block' }))
    refused(await send(inviteOf()), 403, 'M_INVITE_BLOCKED')
    accepted(await bob.request('PUT', `${path}m.invite_permission_config`, {}))
    accepted(await bob.request('PUT', `${path}m.ignored_user_list`, { ignored_users: { [alice]: {} } }))
    accepted(await send(inviteOf()))
    assert.deepEqual(await invited(), [])
  })

  it('T09 that show events of another room are refused, by what these say or, from version 12, by their hash', async () => {
    const { room_id: _none, ...stripped } = hostile.room.events[0]! as unknown as JsonObject
    const elsewhere = {
      ...hostile.event(alice, { name: 'Other' }, { type: 'm.room.name' }).pdu,
      room_id: '!other:s0.test',
    }
    refused(await send(inviteOf(), { shown: [stripped, elsewhere] }), 400, 'M_INVALID_PARAM')
    assert.deepEqual(await invited(), [])
    accepted(await send(inviteOf(), { shown: hostile.room.events }))
    assert.deepEqual(await invited(), [hostile.roomId])

    const [here, other] = ['here', 'other'].map(
      (name) => new HostileServer(federation.network, federation.clock, { version: '12', name: `${name}${rooms}` }),
    )
    const invite = here!.event(alice, { membership: 'invite' }, { state_key: bob.userId })
    const sendIt = (shown: unknown) =>
      here!.send(b, 'PUT', ['v2', 'invite', here!.roomId, invite.eventId], {
        room_version: '12',
        event: invite.pdu,
        invite_room_state: shown,
      })
    refused(await sendIt([other!.room.events[0]]), 400, 'M_INVALID_PARAM')
    accepted(await sendIt([here!.room.events[0]]))
  })

  it('T07 with broken state of the room break nothing', async () => {
    const good = { type: 'm.room.name', sender: alice, state_key: '', content: { name: 'Good' } }
    const shown = [
      null,
      5,
      'x',
      [],
      {},
      { ...good, type: null },
      { ...good, sender: 'alice' },
      { ...good, content: null },
      { ...good, state_key: 5 },
      { ...good, type: 'm.room.topic', content: { topic: 'x'.repeat(70_000) } },
      ...Array.from({ length: 5000 }, (_, at) => ({ ...good, type: `org.example.${at % 60}` })),
      { ...good, type: 'm.room.member', state_key: bob.userId, content: { membership: 'join' } },
      { ...good, extra: 1, unsigned: {}, content: { name: 'Last' } },
    ]
    accepted(await send(inviteOf(), { shown: [good, ...shown] }))
    const { events } = (await sync(bob)).rooms!.invite![hostile.roomId]!.invite_state
    assert.ok(events.length <= 51)
    assert.deepEqual(events[0], good)
    assert.deepEqual(events.at(-1)!.content, { membership: 'invite' })
    refused(await send(inviteOf(bob.userId, { reason: 'again' }), { shown: 'x' }), 400, 'M_BAD_JSON')
  })

  it('into a room of version 12 show its own create event', async () => {
    hostile = new HostileServer(federation.network, federation.clock, { version: '12', name: `v12 ${rooms}` })
    const other = new HostileServer(federation.network, federation.clock, { version: '12', name: `other ${rooms}` })
    refused(await send(inviteOf(), { shown: [other.room.create] }), 400, 'M_INVALID_PARAM')
    assert.deepEqual(await invited(), [])
    accepted(await send(inviteOf(), { shown: [hostile.room.create] }))
    assert.deepEqual(await invited(), [hostile.roomId])
  })

  it('that say another version than the room has lead into it nevertheless', async () => {
    hostile = new HostileServer(federation.network, federation.clock, { version: '9', name: `nine${rooms}` })
    accepted(await send(inviteOf(), { version: '10' }))
    accepted(await bob.request('POST', roomPath(hostile.roomId, 'join'), {}))
    assert.equal((await b.context.store.rooms.rooms.find(hostile.roomId))!.version, '9')
    assert.deepEqual(await checkRoom(b.context, hostile.roomId), [])
  })

  it('that come twice are told once, and again only by another event', async () => {
    const invite = inviteOf()
    accepted(await send(invite))
    const { next_batch: since } = await sync(bob)
    accepted(await send(invite))
    assert.equal((await sync(bob, { since })).rooms?.invite, undefined)
    accepted(await leave(bob, hostile.roomId))
    accepted(await send(inviteOf(bob.userId, { reason: 'please' })))
    assert.deepEqual(await invited(), [hostile.roomId])
  })

  const receive = (pdu: Pdu) =>
    receiveEvent(receiveNeeds(b.context), {
      origin: 's0.test',
      roomId: hostile.roomId,
      pdu: pdu as unknown as JsonValue,
    })

  it('that are taken back are seen to be, by whom may take them back alone', async () => {
    accepted(await send(inviteOf()))
    const { next_batch: since } = await sync(bob)
    const kick = (sender: UserId) => hostile.event(sender, { membership: 'leave' }, { state_key: bob.userId }).pdu
    for (const pdu of [kick('@carol:s2.test'), kick('@dave:s0.test'), { ...kick(alice), signatures: {} }])
      assert.equal((await receive(pdu)).outcome, 'dropped')
    assert.deepEqual(await invited(), [hostile.roomId])
    assert.equal((await receive(kick(alice))).outcome, 'accepted')
    assert.deepEqual(await invited(), [])
    const [leaving] = (await sync(bob, { since })).rooms!.leave![hostile.roomId]!.timeline.events
    assert.deepEqual([leaving!.sender, leaving!.content], [alice, { membership: 'leave' }])
    assert.equal((await receive(kick(alice))).outcome, 'dropped')
    assert.deepEqual(await checkRoom(b.context, hostile.roomId), [])
  })

  it('do not make a room of events that nobody here asked for', async () => {
    accepted(await send(inviteOf()))
    const message = hostile.room.make({ type: 'm.room.message', sender: alice, content: { body: 'hello' } })
    const before = hostile.asked.length
    assert.equal((await receive(message)).outcome, 'dropped')
    assert.equal(hostile.asked.length, before)
  })

  it('wait for an answer, up to so many', async () => {
    const { outside } = b.context.store.rooms
    const store = { ...b.context.store.rooms, outside: { ...outside, countPending: async () => 1000 } }
    Object.assign(b.context.store, { rooms: store })
    refused(await send(inviteOf()), 403, 'M_FORBIDDEN')
    Object.assign(b.context.store, { rooms: { ...store, outside } })
  })

  describe('of users of theirs', () => {
    let roomId: `!${string}`
    beforeEach(async () => {
      roomId = await createRoom(bob, { room_version: '11', name: 'Ours' })
    })
    const membershipOfAlice = async () =>
      (await bob.request('GET', roomPath(roomId, 'state', 'm.room.member', alice))).body.membership

    for (const [name, lie] of Object.entries<(event: Pdu) => unknown>({
      'without their signature': ({ signatures: { 's0.test': _own, ...signatures }, ...event }) => ({
        ...event,
        signatures,
      }),
      'with a signature of another key': (event) => ({ ...event, signatures: { 's0.test': { 'ed25519:1': 'AAAA' } } }),
      'as another event': (event) => hostile.resign({ ...event, content: { membership: 'join' } }).pdu,
      'as no event': () => 'signed',
    }))
      it(`T26 that come back ${name} are not in the room`, async () => {
        hostile.lies = { invite: lie }
        refused(await act(bob, 'invite', roomId, alice), 502, 'M_UNKNOWN')
        assert.equal(await membershipOfAlice(), undefined)
      })

    it('that they refuse are refused as they refuse them', async () => {
      const refusal = { status: 403, headers: {}, body: Buffer.from('{"errcode":"M_INVITE_BLOCKED","error":"no"}') }
      hostile.lies = { answer: (_method, path) => (path.includes('invite') ? refusal : undefined) }
      refused(await act(bob, 'invite', roomId, alice), 403, 'M_INVITE_BLOCKED')
      assert.equal(await membershipOfAlice(), undefined)
    })

    it('are in the room as we made them, with both signatures', async () => {
      hostile.lies = { invite: (event) => ({ ...event, content: { ...event.content, displayname: 'Mallory' } }) }
      accepted(await act(bob, 'invite', roomId, alice, { reason: 'come' }))
      const { body } = await bob.request('GET', roomPath(roomId, 'state', 'm.room.member', alice))
      assert.deepEqual(body, { membership: 'invite', reason: 'come' })
      const [shown] = hostile.asked.filter(({ path }) => path.includes('invite'))
      const { room_version: version, invite_room_state: state } = shown!.content
      assert.equal(version, '11')
      const types = (state as JsonObject[]).map(({ type }) => type)
      for (const type of ['m.room.create', 'm.room.name', 'm.room.join_rules', 'm.room.member'])
        assert.ok(types.includes(type), type)
      assert.ok((state as JsonObject[]).every(({ signatures }) => signatures !== undefined))
    })

    it('can be made by setting their state', async () => {
      const { event_id: eventId } = accepted(
        await putState(bob, roomId, ['m.room.member', alice], { membership: 'invite', reason: 'state' }),
      )
      assert.equal(await membershipOfAlice(), 'invite')
      assert.equal((await bob.request('GET', roomPath(roomId, 'event', eventId))).status, 200)
      assert.equal(hostile.asked.filter(({ path }) => path.includes('invite')).length, 1)
    })

    it('are not asked for where we could not make them', async () => {
      const carol = await b.register(`carol${rooms}`)
      refused(await act(carol, 'invite', roomId, alice), 403, 'M_FORBIDDEN')
      accepted(await act(bob, 'ban', roomId, alice))
      refused(await act(bob, 'invite', roomId, alice), 403, 'M_FORBIDDEN')
      assert.deepEqual(
        hostile.asked.filter(({ path }) => path.includes('invite')),
        [],
      )
    })
  })

  it('can be rejected after the user was in the room before, and its history stays as it was', async () => {
    const path = `/_matrix/client/v3/join/${encodeURIComponent(hostile.roomId)}?via=s0.test`
    accepted(await bob.request('POST', path, {}))
    accepted(await leave(bob, hostile.roomId))
    const { next_batch: since } = await sync(bob)
    accepted(await send(inviteOf()))
    assert.deepEqual(await invited(), [hostile.roomId])
    assert.deepEqual(await checkRoom(b.context, hostile.roomId), [])
    accepted(await leave(bob, hostile.roomId))
    const { rooms: synced } = await sync(bob, { since })
    assert.equal(synced!.invite, undefined)
    const { events } = synced!.leave![hostile.roomId]!.timeline
    assert.deepEqual(
      events.map(({ content }) => content.membership),
      ['leave'],
    )
    const { chunk } = accepted(await bob.request('GET', `${roomPath(hostile.roomId, 'messages')}?dir=b`))
    assert.equal(chunk[0].content.membership, 'leave')
    accepted(await send(inviteOf(bob.userId, { reason: 'once more' })))
    accepted(await bob.request('POST', roomPath(hostile.roomId, 'join'), {}))
    assert.ok((await sync(bob, { since })).rooms!.join![hostile.roomId])
    assert.deepEqual(await checkRoom(b.context, hostile.roomId), [])
  })

  it('are rejected when the account ends', async () => {
    accepted(await send(inviteOf()))
    const auth = {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: bob.userId },
      password: testPassword,
    }
    accepted(await bob.request('POST', '/_matrix/client/v3/account/deactivate', { auth }))
    await federation.settle()
    assert.equal((await b.context.store.rooms.outside.find(hostile.roomId, bob.userId))!.membership, 'leave')
    assert.equal(hostile.given('send_leave').length, 1)
  })

  it('T08 from a room with as much state as it can have are sent, and without what is too large', async () => {
    const roomId = await createRoom(bob, { room_version: '11', name: 'Full' })
    const large = 'x'.repeat(50_000)
    for (const [type, content] of [
      ['m.room.topic', { topic: large }],
      ['m.room.avatar', { url: 'mxc://b.test/x', large }],
      ['m.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2', large }],
    ] as const)
      accepted(await putState(bob, roomId, [type], content))
    accepted(await act(bob, 'invite', roomId, alice))
    const [shown] = hostile.asked.filter(({ path }) => path.includes('invite'))
    assert.ok(JSON.stringify(shown!.content).length < 140_000)
    const types = (shown!.content.invite_room_state as JsonObject[]).map(({ type }) => type)
    for (const type of ['m.room.create', 'm.room.member', 'm.room.name']) assert.ok(types.includes(type), type)
  })

  it('lead into the room by its alias too, and again after everybody here has left', async () => {
    const path = `/_matrix/client/v3/join/${encodeURIComponent('#door:s0.test')}`
    const join = () => bob.request('POST', path, {})
    for (let times = 0; times < 2; times++) {
      assert.equal(accepted(await join()).room_id, hostile.roomId)
      accepted(await leave(bob, hostile.roomId))
    }
    assert.equal(hostile.given('send_join').length, 2)
    hostile.lies = {
      answer: (_method, parts) =>
        parts.includes('query')
          ? { status: 404, headers: {}, body: Buffer.from('{"errcode":"M_NOT_FOUND"}') }
          : undefined,
    }
    refused(await join(), 404, 'M_NOT_FOUND')
    assert.deepEqual(await checkRoom(b.context, hostile.roomId), [])
  })

  it('let several users in at once, of whom one brings the room here', async () => {
    const others = await Promise.all([1, 2, 3].map((one) => b.register(`many${rooms}of${one}`)))
    const path = `/_matrix/client/v3/join/${encodeURIComponent(hostile.roomId)}?via=s0.test`
    for (const reply of await Promise.all([bob, ...others].map((user) => user.request('POST', path, {}))))
      accepted(reply)
    assert.equal((await b.context.rooms.get(hostile.roomId)).localUsers.size, 4)
    assert.deepEqual(await checkRoom(b.context, hostile.roomId), [])
  })
})
