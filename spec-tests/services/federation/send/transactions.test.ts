import assert from 'node:assert/strict'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { JsonObject } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { actRemotely, memberRemotely, remoteEvent, type FakePeer } from '../../../support/federation/fake-peer.ts'
import { jsonAnswer } from '../../../support/federation/network.ts'
import { startSending, userAt, type Sending } from '../../../support/federation/sending.ts'
import { act, leave, putState, sendEvent, sendText } from '../../../support/rooms/rooms.ts'

const typesOf = (pdus: readonly JsonObject[]) => pdus.map(({ type }) => type)

/** Every event up to now waits for the server. */
async function untilQueued({ ctx: { store } }: Sending, { name }: FakePeer): Promise<void> {
  const queued = async () => (await store.federation.destinationRooms.pendingOf(name, 0, 10)).at(-1)?.position ?? 0
  while ((await queued()) < store.eventWriter.position()) await nextTurn()
  // The sender hears of it once the write is known to be done.
  await sleep(20)
}

describe('transactions to other servers', function () {
  this.timeout(30_000)

  it('bear every event of users here, in order, to the servers in the room at the time', async () => {
    await using sending = await startSending()
    const { alice, ctx } = sending
    const near = sending.peer('near.test')
    const far = sending.peer('far.test')
    const roomId = await sending.room([near])
    for (const body of ['one', 'two', 'three']) await sendText(alice, roomId, body)
    await memberRemotely(ctx, roomId, [userAt('far.test'), 'join'])
    await sendText(alice, roomId, 'four')
    await memberRemotely(ctx, roomId, [userAt('near.test'), 'leave'])
    await sendText(alice, roomId, 'five')
    await sending.settle()

    assert.deepEqual(near.bodies, ['one', 'two', 'three', 'four'])
    assert.deepEqual(far.bodies, ['four', 'five'])
    assert.equal(near.mostUnderWay, 1)
  })

  it('bear events as they were signed', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    const roomId = await sending.room([near])
    await sendText(sending.alice, roomId, 'one')
    await sending.settle()

    const [pdu] = near.received.flatMap(({ pdus }) => pdus)
    assert.deepEqual(Object.keys(pdu!).sort(), [
      'auth_events',
      'content',
      'depth',
      'hashes',
      'origin_server_ts',
      'prev_events',
      'room_id',
      'sender',
      'signatures',
      'type',
    ])
  })

  it('hold 50 events at most, one under way for each server', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    const roomId = await sending.room([near])
    await sending.settle()
    near.received.length = 0
    const held = Promise.withResolvers<undefined>()
    near.answer = () => held.promise
    const bodies = Array.from({ length: 120 }, (_, index) => `${index}`)
    await sendText(sending.alice, roomId, 'first')
    for (const body of bodies) await sendText(sending.alice, roomId, body)
    await untilQueued(sending, near)
    near.answer = undefined
    held.resolve(undefined)
    await sending.settle()

    assert.deepEqual(near.bodies, ['first', ...bodies])
    assert.deepEqual(
      near.received.map(({ pdus }) => pdus.length),
      [1, 50, 50, 20],
    )
    assert.equal(near.mostUnderWay, 1)
  })

  it('tell the server of whom they put out, and no other outsider', async () => {
    await using sending = await startSending()
    const { alice, ctx } = sending
    const peers = ['kicked', 'banned', 'knocking', 'left'].map((name) => sending.peer(`${name}.test`))
    const [kicked, banned, knocking, left] = peers
    const roomId = await sending.room([kicked!, banned!, left!])
    await putState(alice, roomId, ['m.room.join_rules', ''], { join_rule: 'knock' })
    await memberRemotely(ctx, roomId, [userAt('knocking.test'), 'knock'])
    await memberRemotely(ctx, roomId, [userAt('left.test'), 'leave'])
    await sending.settle()
    for (const peer of peers) peer.received.length = 0
    await act(alice, 'kick', roomId, userAt('kicked.test'))
    await act(alice, 'ban', roomId, userAt('banned.test'))
    await act(alice, 'kick', roomId, userAt('knocking.test'))
    await sendText(alice, roomId, 'later')
    await sending.settle()

    const got = (peer: (typeof peers)[number]) => typesOf(peer.received.flatMap(({ pdus }) => pdus))
    assert.deepEqual(got(kicked!), ['m.room.member'])
    assert.deepEqual(got(banned!), ['m.room.member', 'm.room.member'])
    assert.deepEqual(got(knocking!), ['m.room.member'])
    assert.deepEqual(got(left!), [])
  })

  it('do not go to servers that the room or the administrator keeps out', async () => {
    await using sending = await startSending({ federation: { key_servers: [], denied_servers: ['denied.test'] } })
    const { alice } = sending
    const peers = ['denied.test', 'barred.test', 'near.test'].map((name) => sending.peer(name))
    const [denied, barred, near] = peers
    const roomId = await sending.room(peers)
    await putState(alice, roomId, ['m.room.server_acl', ''], { allow: ['*'], deny: ['BARRED.test'] })
    await sendText(alice, roomId, 'one')
    await sending.settle()

    assert.deepEqual(near!.bodies, ['one'])
    assert.deepEqual(barred!.bodies, [])
    assert.equal(denied!.tries, 0)
  })

  it('do not bear what users of other servers do, unless these entered the room here', async () => {
    await using sending = await startSending()
    const { ctx } = sending
    const [near, far] = ['near.test', 'far.test'].map((name) => sending.peer(name))
    const roomId = await sending.room([near!, far!])
    await sending.settle()
    await actRemotely(ctx, roomId, { sender: userAt('near.test'), type: 'm.room.message', content: { body: 'theirs' } })
    const join = { sender: '@second:near.test', type: 'm.room.member', stateKey: '@second:near.test' } as const
    const { id } = await remoteEvent(ctx, roomId, { ...join, content: { membership: 'join' } })
    await ctx.store.federation.relayedEvents.add({ eventId: id as EventId, origin: 'near.test', now: 0 })
    await actRemotely(ctx, roomId, { ...join, content: { membership: 'join' } })
    await sending.settle()

    assert.deepEqual(
      far!.received.flatMap(({ pdus }) => pdus.map(({ state_key: key }) => key)),
      ['@second:near.test'],
    )
    assert.equal(near!.tries, 0)
  })

  it('tell the last users of a server that ours have left', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    const roomId = await sending.room([near])
    const bob = await sending.server.register('bob')
    await bob.request('POST', `/_matrix/client/v3/join/${encodeURIComponent(roomId)}`, {})
    await leave(bob, roomId)
    await sending.settle()
    assert.deepEqual(
      near.received.flatMap(({ pdus }) => pdus.map(({ content }) => (content as JsonObject).membership)),
      ['join', 'leave'],
    )
  })

  it('are sent again with the same id and content until they are acknowledged, and nothing overtakes them', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    const roomId = await sending.room([near])
    near.fall()
    await sendText(sending.alice, roomId, 'one')
    await sending.settle()
    await sendText(sending.alice, roomId, 'two')
    await sending.pass(500)
    await sending.pass(1000)
    near.rise()
    await sending.pass(2000)

    const [first, second, third, last] = near.attempts
    assert.deepEqual([second, third], [first, first])
    assert.deepEqual(last!.txnId, first!.txnId)
    assert.deepEqual(near.bodies, ['one', 'two'])
  })

  it('pass over what a server refuses for ever, and nothing else', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    const roomId = await sending.room([near])
    near.answer = async ({ pdus }) =>
      pdus.some(({ type }) => type === 'org.example.poison')
        ? jsonAnswer(413, { errcode: 'M_TOO_LARGE', error: 'No' })
        : undefined
    await sendText(sending.alice, roomId, 'before')
    await sending.settle()
    await sendEvent(sending.alice, roomId, ['org.example.poison', {}])
    const second = await sending.room([near])
    await sendText(sending.alice, second, 'elsewhere')
    for (let ms = 500; ms < 600_000; ms *= 2) await sending.pass(ms)

    assert.deepEqual(near.bodies, ['before', 'elsewhere'])
    assert.equal(sending.ctx.destinations.find('near.test'), undefined)
  })

  it('T02 are done when the other server took them, whatever it says of single events', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    const roomId = await sending.room([near])
    near.answer = async ({ pdus }) =>
      jsonAnswer(200, { pdus: { $some: { error: 'No' }, odd: null, count: pdus.length } })
    await sendText(sending.alice, roomId, 'one')
    await sending.settle()
    assert.equal(near.tries, 1)
    near.answer = undefined
    await sendText(sending.alice, roomId, 'two')
    await sending.settle()
    assert.deepEqual(near.bodies, ['two'])
  })
})
