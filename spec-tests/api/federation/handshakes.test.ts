import assert from 'node:assert/strict'
import type { JsonObject, Pdu, UnsignedPdu } from '#protocol/events/event.ts'
import { eventId } from '#protocol/events/event-id.ts'
import { signEvent } from '#protocol/events/signatures.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import { roomVersion, type RoomVersion } from '#protocol/rooms/room-version.ts'
import { HostileServer } from '../../support/federation/hostile-server.ts'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { keyOf } from '../../support/generators/server-keys.ts'
import { act, createRoom, eventsOf, putState, roomPath } from '../../support/rooms/rooms.ts'
import { type TestUser, accepted, refused } from '../../support/server/client.ts'
import type { TestServer } from '../../support/server/server.ts'

const eve: UserId = '@eve:s0.test'
const version = roomVersion('11')!

type Membership = 'join' | 'leave' | 'knock'
type Signed = { pdu: Pdu; id: EventId }

describe('handshakes with other servers', () => {
  let federation: Federation
  let a: TestServer
  let alice: TestUser
  let hostile: HostileServer
  let roomId: RoomId
  before(async () => {
    federation = await startFederation(['a.test'])
    a = federation.servers[0]!
    alice = await a.register('alice')
    hostile = new HostileServer(federation.network, federation.clock)
  })
  after(() => federation[Symbol.asyncDispose]())
  beforeEach(async () => {
    roomId = await createRoom(alice, { preset: 'public_chat', room_version: '11' })
  })

  const make = (membership: Membership, userId: string = eve, query = '?ver=11', room: string = roomId) =>
    hostile.sendTo(
      a,
      'GET',
      `/_matrix/federation/v1/make_${membership}/${encodeURIComponent(room)}/${encodeURIComponent(userId)}${query}`,
    )

  const sign = (event: UnsignedPdu, by: RoomVersion = version, key = hostile.key): Signed => {
    const pdu = signEvent(event, by, key)
    return { pdu, id: eventId(pdu, by) }
  }
  const template = async (membership: Membership): Promise<UnsignedPdu> => accepted(await make(membership)).event
  const send = (step: string, { pdu, id }: Signed, room: string = roomId, named: string = id) =>
    hostile.send(a, 'PUT', [...step.split('/'), room, named], pdu)
  const enter = async () => accepted(await send('v2/send_join', sign(await template('join'))))
  const membershipOfEve = async () =>
    (await alice.request('GET', roomPath(roomId, 'state', 'm.room.member', eve))).body.membership

  async function assertNothingStored(work: () => Promise<void>): Promise<void> {
    const before = (await eventsOf(a, roomId)).length
    await work()
    assert.equal((await eventsOf(a, roomId)).length, before)
  }

  const steps: Record<string, Membership> = {
    'v1/send_join': 'join',
    'v2/send_join': 'join',
    'v1/send_leave': 'leave',
    'v2/send_leave': 'leave',
    'v1/send_knock': 'knock',
  }

  for (const [step, membership] of Object.entries(steps)) {
    /** What an honest server would send. */
    const honest = async (): Promise<UnsignedPdu> => {
      if (membership === 'leave') await enter()
      if (membership === 'knock') accepted(await putState(alice, roomId, ['m.room.join_rules'], { join_rule: 'knock' }))
      return template(membership)
    }

    it(`T09 ${step} takes the event that its path names, and no other`, async () => {
      const event = await honest()
      const other = await createRoom(alice, { preset: 'public_chat', room_version: '11' })
      await assertNothingStored(async () => {
        const signed = sign(event)
        refused(await send(step, signed, other), 400, 'M_INVALID_PARAM')
        refused(await send(step, sign({ ...event, room_id: other })), 400, 'M_INVALID_PARAM')
        refused(await send(step, signed, roomId, '$another'), 400, 'M_INVALID_PARAM')
        refused(await send(step, signed, '!nowhere:a.test'), 404, 'M_NOT_FOUND')
        for (const wrong of ['join', 'leave', 'knock', 'invite', 'ban'].filter((one) => one !== membership))
          refused(await send(step, sign({ ...event, content: { membership: wrong } })), 400, 'M_INVALID_PARAM')
        refused(await send(step, sign({ ...event, content: {} })), 400, 'M_INVALID_PARAM')
        refused(await send(step, sign({ ...event, type: 'm.room.name' })), 400, 'M_INVALID_PARAM')
        refused(await send(step, sign({ ...event, state_key: '@doris:s0.test' })), 400, 'M_INVALID_PARAM')
        const { state_key: _key, ...message } = event
        refused(await send(step, sign(message)), 400, 'M_INVALID_PARAM')
        const foreign: UserId = '@bob:s1.test'
        const inOtherName = sign({ ...event, sender: foreign, state_key: foreign }, version, keyOf('s1.test'))
        refused(await send(step, inOtherName), 400, 'M_INVALID_PARAM')
        refused(await hostile.send(a, 'PUT', [...step.split('/'), roomId, '$x'], {}), 400, 'M_INVALID_PARAM')
      })
      assert.equal((await send(step, sign(event))).status, 200)
      assert.equal(await membershipOfEve(), membership)
    })

    it(`T26 ${step} takes no event that the sender's server did not sign`, async () => {
      const event = await honest()
      await assertNothingStored(async () => {
        const signed = sign(event)
        const { signatures } = signed.pdu
        const wrong: Pdu['signatures'][] = [
          {},
          { 's1.test': signatures['s0.test']! },
          { 's0.test': { 'ed25519:2': Object.values(signatures['s0.test']!)[0]! } },
          sign(event, version, { ...keyOf('s1.test'), serverName: 's0.test' }).pdu.signatures,
          { 's0.test': { 'ed25519:1': 'AAAA' } },
        ]
        for (const each of wrong) {
          const { status, body } = await send(step, { ...signed, pdu: { ...signed.pdu, signatures: each } })
          assert.deepEqual([status, body.errcode], [400, 'M_INVALID_PARAM'])
        }
        const changed = { ...signed.pdu, content: { ...signed.pdu.content, displayname: 'Eve' } }
        refused(await send(step, { ...signed, pdu: changed }), 400, 'M_INVALID_PARAM')
      })
    })
  }

  it('answer a join with the state before it, its auth chain, and the event', async () => {
    await putState(alice, roomId, ['m.room.topic'], { topic: 'x' })
    const signed = sign(await template('join'))
    const answer = accepted(await send('v2/send_join', signed))
    const events = new Map<string, Pdu>((await eventsOf(a, roomId)).map((event) => [event.eventId, event as never]))
    const idsIn = (pdus: Pdu[]) => pdus.map((pdu) => eventId(pdu, version)).sort()
    assert.deepEqual(Object.keys(answer).sort(), ['auth_chain', 'event', 'members_omitted', 'origin', 'state'])
    assert.deepEqual([answer.origin, answer.members_omitted, answer.event], ['a.test', false, signed.pdu])
    assert.deepEqual(idsIn(answer.state), [...events.keys()].filter((id) => id !== signed.id).sort())
    const chain = new Set(idsIn(answer.auth_chain))
    for (const pdu of [...answer.state, ...answer.auth_chain, answer.event])
      for (const id of pdu.auth_events) assert.ok(chain.has(id))
    assert.deepEqual(
      [...(await a.context.store.federation.relayedEvents.findMany([signed.id]))],
      [[signed.id, 's0.test']],
    )
    // Asked again, as by a server that missed the answer.
    assert.deepEqual(accepted(await send('v2/send_join', signed)).event, signed.pdu)
    const [status, old] = accepted(await send('v1/send_join', signed))
    assert.deepEqual([status, old.event], [200, signed.pdu])
  })

  it('answer a join without members where that is asked, with the servers in the room', async () => {
    for (let user = 0; user < 7; user++) {
      const guest = await a.register(`guest${user}`)
      accepted(await guest.request('POST', roomPath(roomId, 'join'), {}))
    }
    const { pdu, id } = sign(await template('join'))
    const path = `/_matrix/federation/v2/send_join/${encodeURIComponent(roomId)}/${encodeURIComponent(id)}`
    const answer = accepted(await hostile.sendTo(a, 'PUT', `${path}?omit_members=true`, pdu))
    assert.deepEqual([answer.members_omitted, answer.servers_in_room], [true, ['a.test']])
    const members = answer.state.filter(({ type }: Pdu) => type === 'm.room.member')
    assert.equal(members.length, 5)
    assert.ok(members.some(({ state_key: userId }: Pdu) => userId === alice.userId))
    const told = new Set(answer.state.map((event: Pdu) => eventId(event, version)))
    for (const event of answer.auth_chain) assert.ok(!told.has(eventId(event, version)))
    const all = new Set([...told, ...answer.auth_chain.map((event: Pdu) => eventId(event, version))])
    for (const event of [...answer.state, ...answer.auth_chain])
      for (const one of event.auth_events) assert.ok(all.has(one))
  })

  it('are refused to servers that the room or the protocol keeps out', async () => {
    refused(await make('join', '@bob:s1.test'), 403, 'M_FORBIDDEN')
    refused(await make('join', 'eve'), 400, 'M_INVALID_PARAM')
    refused(await make('join', eve, '?ver=11', '!nowhere:a.test'), 404, 'M_NOT_FOUND')
    for (const query of ['', '?ver=1&ver=10']) {
      const reply = await make('join', eve, query)
      refused(reply, 400, 'M_INCOMPATIBLE_ROOM_VERSION')
      assert.equal(reply.body.room_version, '11')
    }
    refused(await make('knock'), 403, 'M_FORBIDDEN')
    refused(await make('leave', eve, ''), 403, 'M_FORBIDDEN')
    const signed = sign(await template('join'))
    accepted(await putState(alice, roomId, ['m.room.server_acl'], { allow: ['*'], deny: ['*.test'] }))
    refused(await make('join'), 403, 'M_FORBIDDEN')
    refused(await send('v2/send_join', signed), 403, 'M_FORBIDDEN')
    const closed = await createRoom(alice, {
      preset: 'public_chat',
      room_version: '11',
      creation_content: { 'm.federate': false },
    })
    refused(await make('join', eve, '?ver=11', closed), 403, 'M_FORBIDDEN')
  })

  it('let nobody in who is banned, though a template was made before', async () => {
    const signed = sign(await template('join'))
    accepted(await act(alice, 'ban', roomId, eve))
    refused(await make('join'), 403, 'M_FORBIDDEN')
    refused(await send('v2/send_join', signed), 403, 'M_FORBIDDEN')
    assert.equal(await membershipOfEve(), 'ban')
    assert.equal((await a.context.store.federation.relayedEvents.findMany([signed.id])).size, 0)
  })

  it('do not let a server in by an authoriser of ours that it chose', async () => {
    const space = await createRoom(alice, { preset: 'private_chat', room_version: '11' })
    const allow = [{ type: 'm.room_membership', room_id: space }]
    accepted(await putState(alice, roomId, ['m.room.join_rules'], { join_rule: 'restricted', allow }))
    refused(await make('join'), 403, 'M_FORBIDDEN')
    accepted(await putState(alice, roomId, ['m.room.join_rules'], { join_rule: 'public' }))
    const event = await template('join')
    accepted(await putState(alice, roomId, ['m.room.join_rules'], { join_rule: 'restricted', allow }))
    const member = (await eventsOf(a, roomId)).find(({ stateKey }) => stateKey === alice.userId)!
    const content: JsonObject = { membership: 'join', join_authorised_via_users_server: alice.userId }
    const auth = [...new Set([...(event.auth_events as EventId[]), member.eventId])]
    refused(await send('v2/send_join', sign({ ...event, content, auth_events: auth })), 403, 'M_FORBIDDEN')
    assert.equal(await membershipOfEve(), undefined)
  })
})
