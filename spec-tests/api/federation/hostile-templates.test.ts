import assert from 'node:assert/strict'
import type { JsonObject } from '#protocol/events/event.ts'
import { HostileServer, alice } from '../../support/federation/hostile-server.ts'
import { jsonAnswer, startFederation, type Federation } from '../../support/federation/network.ts'
import { leave } from '../../support/rooms/rooms.ts'
import { type TestUser, accepted, refused } from '../../support/server/client.ts'
import { sync } from '../../support/server/sync.ts'

type Template = { room_version: string; event: JsonObject }
type Lie = (template: Template) => unknown

const event =
  (more: JsonObject): Lie =>
  (template) => ({ ...template, event: { ...template.event, ...more } })
const content = (more: JsonObject): Lie => event({ content: { membership: 'join', ...more } })

/** Each is what some server was made to sign once, or what none should ever be. */
const lies: Record<string, Lie> = {
  'another type': event({ type: 'm.room.power_levels', content: { users: { '@evil:s0.test': 100 } } }),
  'no type': event({ type: null }),
  'another sender': event({ sender: alice }),
  'another user': event({ state_key: alice }),
  'no state key': ({ event: { state_key: _key, ...rest }, ...template }) => ({ ...template, event: rest }),
  'another room': event({ room_id: '!other:s0.test' }),
  'another membership': event({ content: { membership: 'ban' } }),
  'no membership': event({ content: {} }),
  'no content': event({ content: 'join' }),
  'more content': content({ 'org.example.claim': 'I owe you everything' }),
  'an invite of a third-party id': content({ third_party_invite: { signed: {} } }),
  'an authoriser that is no user': content({ join_authorised_via_users_server: 5 }),
  'a target of a redaction': event({ redacts: '$of-something' }),
  'keys beside the content': event({ 'org.example.more': true }),
  'references of no form': event({ prev_events: [5] }),
  'no references': event({ prev_events: null, auth_events: null }),
  'too many references': event({ prev_events: Array.from({ length: 21 }, (_, at) => `$${at}`) }),
  'too many auth events': event({ auth_events: Array.from({ length: 11 }, (_, at) => `$${at}`) }),
  'a depth of no number': event({ depth: '1' }),
  'no depth': event({ depth: null }),
  'a depth beyond all numbers': event({ depth: 2 ** 53 }),
  'no event': () => ({ room_version: '11' }),
  'a list': () => [],
  'a version of no name': (template) => ({ ...template, room_version: 11 }),
  'another form of events': (template) => ({ ...template, room_version: '1' }),
}

describe('T23 hostile templates', () => {
  let federation: Federation
  let hostile: HostileServer
  let bob: TestUser
  before(async () => {
    federation = await startFederation(['b.test'])
    bob = await federation.servers[0]!.register('bob')
  })
  beforeEach(() => {
    hostile = new HostileServer(federation.network, federation.clock)
  })
  after(() => federation[Symbol.asyncDispose]())

  const enter = (act: 'join' | 'knock') =>
    bob.request('POST', `/_matrix/client/v3/${act}/${encodeURIComponent(hostile.roomId)}?via=s0.test`, {})

  for (const [name, template] of Object.entries(lies))
    it(`T23 with ${name} are not signed`, async () => {
      hostile.lies = { template }
      const { status } = await enter('join')
      assert.ok(status >= 400 && status <= 502, `${status}`)
      const { status: knocked } = await enter('knock')
      assert.ok(knocked >= 400 && knocked <= 502, `${knocked}`)
      for (const step of ['send_join', 'send_knock']) assert.deepEqual(hostile.given(step), [])
      const { rooms } = await sync(bob)
      assert.deepEqual([rooms?.join ?? {}, rooms?.knock ?? {}], [{}, {}])
    })

  it('T23 of a version that we do not know are refused with its name', async () => {
    hostile.lies = { template: (template) => ({ ...template, room_version: 'org.example.99' }) }
    const reply = await enter('join')
    refused(reply, 400, 'M_INCOMPATIBLE_ROOM_VERSION')
    assert.equal(reply.body.room_version, 'org.example.99')
    hostile.lies = {
      answer: (_method, path) =>
        path.includes('make_join')
          ? jsonAnswer(400, { errcode: 'M_INCOMPATIBLE_ROOM_VERSION', error: 'x', room_version: '77' })
          : undefined,
    }
    const told = await enter('join')
    refused(told, 400, 'M_INCOMPATIBLE_ROOM_VERSION')
    assert.equal(told.body.room_version, '77')
  })

  it('T23 of leaves are not signed, and the invite is rejected nevertheless', async () => {
    const { pdu, eventId } = hostile.event(alice, { membership: 'invite' }, { state_key: bob.userId })
    const invite = { room_version: '11', event: pdu, invite_room_state: [] }
    accepted(await hostile.send(federation.servers[0]!, 'PUT', ['v2', 'invite', hostile.roomId, eventId], invite))
    hostile.lies = { template: event({ type: 'm.room.message' }) }
    accepted(await leave(bob, hostile.roomId))
    assert.deepEqual((await sync(bob)).rooms?.invite ?? {}, {})
    assert.deepEqual(hostile.given('send_leave'), [])
  })

  it('T23 say nothing of how the user is called, and no time', async () => {
    hostile.lies = { template: content({ displayname: 'Mallory', reason: 'because', avatar_url: 'mxc://s0.test/x' }) }
    accepted(await enter('join'))
    const [join] = hostile.given('send_join')
    assert.deepEqual(join!.content, { displayname: 'bob', membership: 'join' })
    assert.equal(join!.origin_server_ts, federation.clock.now())
  })
})
