import assert from 'node:assert/strict'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { checkRoom } from '../../support/rooms/room-check.ts'
import { act, createRoom, leave, putState, roomPath } from '../../support/rooms/rooms.ts'
import { type TestUser, accepted, refused } from '../../support/server/client.ts'
import { evictAll } from '../../support/server/evict-all.ts'
import type { TestServer } from '../../support/server/server.ts'
import { sync } from '../../support/server/sync.ts'

const client = '/_matrix/client/v3'
const join = (user: TestUser, roomId: string) =>
  user.request('POST', `${client}/rooms/${encodeURIComponent(roomId)}/join`, {})

describe('invites between servers', () => {
  let federation: Federation
  let [a, b]: TestServer[] = []
  let [alice, bob]: TestUser[] = []
  beforeEach(async () => {
    federation = await startFederation(['a.test', 'b.test'])
    ;[a, b] = federation.servers as [TestServer, TestServer]
    alice = await a.register('alice')
    bob = await b.register('bob')
  })
  afterEach(() => federation[Symbol.asyncDispose]())

  const membershipAtA = async (roomId: string) =>
    (await alice!.request('GET', roomPath(roomId, 'state', 'm.room.member', bob!.userId))).body.membership

  it('are shown to the invited user with what the room looks like, and lead into the room', async () => {
    const { next_batch: since } = await sync(bob!)
    const roomId = await createRoom(alice!, { preset: 'private_chat', name: 'Tea', is_direct: true })
    accepted(await act(alice!, 'invite', roomId, bob!.userId, { reason: 'come' }))
    for (const query of [{ since }, {}]) {
      const { rooms } = await sync(bob!, query)
      const { events } = rooms!.invite![roomId]!.invite_state
      const own = events.at(-1)!
      assert.deepEqual(
        [own.type, own.sender, own.content],
        ['m.room.member', alice!.userId, { membership: 'invite', reason: 'come' }],
      )
      assert.ok(events.some(({ type, content }) => type === 'm.room.name' && content.name === 'Tea'))
      assert.ok(
        events.every((event) =>
          Object.keys(event).every((key) => ['type', 'sender', 'state_key', 'content'].includes(key)),
        ),
      )
    }
    refused(await bob!.request('GET', roomPath(roomId, 'state')), 403, 'M_FORBIDDEN')
    accepted(await join(bob!, roomId))
    assert.equal(await membershipAtA(roomId), 'join')
    await federation.settle()
    const { rooms } = await sync(bob!, { since })
    assert.ok(rooms!.join![roomId])
    assert.equal(rooms!.invite?.[roomId], undefined)
    for (const one of [a!, b!]) assert.deepEqual(await checkRoom(one.context, roomId), [])
  })

  it('come with a new room', async () => {
    const roomId = await createRoom(alice!, { preset: 'private_chat', invite: [bob!.userId], is_direct: true })
    const { rooms } = await sync(bob!)
    assert.equal(rooms!.invite![roomId]!.invite_state.events.at(-1)!.content.is_direct, true)
    assert.equal(await membershipAtA(roomId), 'invite')
  })

  it('are rejected at once, and the other server hears of it', async () => {
    const roomId = await createRoom(alice!, { invite: [bob!.userId] })
    const { next_batch: since } = await sync(bob!)
    accepted(await leave(bob!, roomId))
    await federation.settle()
    assert.equal(await membershipAtA(roomId), 'leave')
    const { rooms } = await sync(bob!, { since })
    assert.deepEqual(
      rooms!.leave![roomId]!.timeline.events.map(({ type, content }) => [type, content.membership]),
      [['m.room.member', 'leave']],
    )
    assert.equal(rooms!.invite?.[roomId], undefined)
    const { rooms: after } = await sync(bob!, { since, use_state_after: 'true' })
    assert.deepEqual(
      after!.leave![roomId]!.state_after.events.map(({ type, content }) => [type, content.membership]),
      [['m.room.member', 'leave']],
    )
    assert.equal((await sync(bob!)).rooms?.leave?.[roomId], undefined)
    accepted(await bob!.request('POST', roomPath(roomId, 'forget'), {}))
    accepted(await act(alice!, 'invite', roomId, bob!.userId))
    assert.ok((await sync(bob!, { since })).rooms!.invite![roomId])
    assert.deepEqual(await checkRoom(b!.context, roomId), [])
  })

  it('are taken back, which the invited user sees', async () => {
    const roomId = await createRoom(alice!, { invite: [bob!.userId] })
    const { next_batch: since } = await sync(bob!)
    accepted(await act(alice!, 'kick', roomId, bob!.userId, { reason: 'a mistake' }))
    await federation.settle()
    const { rooms } = await sync(bob!, { since })
    const [leaving] = rooms!.leave![roomId]!.timeline.events
    assert.deepEqual([leaving!.sender, leaving!.content], [alice!.userId, { membership: 'leave', reason: 'a mistake' }])
    assert.equal((await sync(bob!)).rooms?.invite, undefined)
  })

  it('are taken back by whoever invited alone: whether others may cannot be seen from outside', async () => {
    const carol = await a!.register('carol')
    const roomId = await createRoom(alice!, { preset: 'private_chat', invite: [carol.userId] })
    accepted(await join(carol, roomId))
    accepted(await act(carol, 'invite', roomId, bob!.userId))
    accepted(await act(alice!, 'kick', roomId, bob!.userId))
    await federation.settle()
    assert.equal(await membershipAtA(roomId), 'leave')
    assert.ok((await sync(bob!)).rooms!.invite![roomId])
    accepted(await leave(bob!, roomId))
    assert.equal((await sync(bob!)).rooms?.invite?.[roomId], undefined)
    assert.deepEqual(await checkRoom(b!.context, roomId), [])
  })

  it('are what the join replaced, for the user who was invited and for those who could see it', async () => {
    const content = { membership: 'invite', is_direct: true }
    const invited = await createRoom(alice!, { preset: 'private_chat', invite: [bob!.userId], is_direct: true })
    accepted(await join(bob!, invited))
    await federation.settle()
    const replacedBy = async (user: TestUser, roomId: string, userId: string) => {
      const { rooms } = await sync(user)
      const { events } = rooms!.join![roomId]!.timeline
      const joined = events.findLast(({ type, state_key: key }) => type === 'm.room.member' && key === userId)!
      assert.equal(joined.content.membership, 'join')
      const { prev_content: before, prev_sender: by } = joined.unsigned as Record<string, unknown>
      return [before, by]
    }
    for (let times = 0; times < 2; times++) {
      assert.deepEqual(await replacedBy(bob!, invited, bob!.userId), [content, alice!.userId])
      await evictAll(b!.context, [invited])
    }
    const carol = await b!.register('carol')
    accepted(await act(alice!, 'invite', invited, carol.userId))
    await federation.settle()
    accepted(await join(carol, invited))
    await federation.settle()
    for (const user of [bob!, carol])
      assert.deepEqual(await replacedBy(user, invited, carol.userId), [{ membership: 'invite' }, alice!.userId])
    assert.deepEqual(await checkRoom(b!.context, invited), [])
  })

  it('are answered by setting state as well', async () => {
    const [left, entered] = [
      await createRoom(alice!, { invite: [bob!.userId] }),
      await createRoom(alice!, { invite: [bob!.userId] }),
    ]
    const set = (roomId: string, membership: string) =>
      putState(bob!, roomId, ['m.room.member', bob!.userId], { membership, displayname: 'Bobby' })
    assert.match(accepted(await set(left, 'leave')).event_id, /^\$/)
    assert.match(accepted(await set(entered, 'join')).event_id, /^\$/)
    await federation.settle()
    assert.deepEqual([await membershipAtA(left), await membershipAtA(entered)], ['leave', 'join'])
    const { body } = await alice!.request('GET', roomPath(entered, 'state', 'm.room.member', bob!.userId))
    assert.equal(body.displayname, 'Bobby')
    refused(await set('!nowhere:a.test', 'leave'), 404, 'M_NOT_FOUND')
    refused(await set('!nowhere:a.test', 'join'), 404, 'M_NOT_FOUND')
    refused(await set('!nowhere:a.test', 'ban'), 404, 'M_NOT_FOUND')
  })

  it('are rejected here at once while the other server is down, which is told once it is back', async () => {
    const roomId = await createRoom(alice!, { invite: [bob!.userId] })
    federation.network.cut('a.test', 'b.test')
    accepted(await leave(bob!, roomId))
    assert.equal((await sync(bob!)).rooms?.invite?.[roomId], undefined)
    await federation.settle()
    assert.equal(await membershipAtA(roomId), 'invite')
    federation.network.heal('a.test', 'b.test')
    await federation.clock.advance(60_000)
    await federation.settle()
    assert.equal(await membershipAtA(roomId), 'leave')
  })
})
