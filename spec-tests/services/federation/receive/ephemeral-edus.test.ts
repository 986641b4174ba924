import assert from 'node:assert/strict'
import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import type { RoomId, ServerName } from '#protocol/ids.ts'
import { receiveEdu } from '#services/federation/receive/edus/receive-edu.ts'
import { actRemotely, memberRemotely, remoteEvent } from '../../../support/federation/fake-peer.ts'
import { startSending, userAt, type Sending } from '../../../support/federation/sending.ts'
import { createRoom, putState, sendRelated, sendText } from '../../../support/rooms/rooms.ts'
import { sync, type Synced } from '../../../support/server/sync.ts'

const minute = 60_000
const near = userAt('near.test')

const give = ({ ctx }: Sending, type: string, content: JsonValue, origin: ServerName = 'near.test') =>
  receiveEdu(ctx, { origin, edu: { edu_type: type, content } })

const typing = (roomId: string, userId: string, isTyping: JsonValue = true) => ({
  room_id: roomId,
  user_id: userId,
  typing: isTyping,
})

const receipt = (
  roomId: string,
  userId: string,
  { eventId, ...data }: { eventId: string; ts?: number; thread_id?: string },
) => ({
  [roomId]: { 'm.read': { [userId]: { event_ids: [eventId], data } } },
})

const ephemeral = (synced: Synced, roomId: RoomId, type: string): JsonObject[] => {
  const room = synced.rooms.join?.[roomId]
  return (room?.ephemeral?.events ?? []).flatMap((event) => (event.type === type ? [event.content as JsonObject] : []))
}

const presenceOf = (synced: Synced, userId: string) =>
  (synced.presence?.events ?? []).filter(({ sender }) => sender === userId).map(({ content }) => content as JsonObject)

describe('typing of other servers', function () {
  this.timeout(30_000)

  it('is shown to users here until it ends, or nothing is heard of it for a minute', async () => {
    await using sending = await startSending()
    const { alice } = sending
    const roomId = await sending.room([sending.peer('near.test')])
    let { next_batch: since } = await sync(alice)
    const next = async () => {
      const synced = await sync(alice, { since })
      since = synced.next_batch
      return ephemeral(synced, roomId, 'm.typing').map(({ user_ids: users }) => users)
    }
    await give(sending, 'm.typing', typing(roomId, near))
    assert.deepEqual(await next(), [[near]])
    await give(sending, 'm.typing', typing(roomId, near, false))
    assert.deepEqual(await next(), [[]])
    await give(sending, 'm.typing', typing(roomId, near))
    await sending.pass(minute - 1000)
    await give(sending, 'm.typing', typing(roomId, near))
    await sending.pass(minute - 1000)
    assert.deepEqual(await next(), [[near]])
    await sending.pass(2000)
    assert.deepEqual(await next(), [[]])
  })

  it('T39 counts for users of the server that sends it who are in the room, and where the ACL lets it take part', async () => {
    await using sending = await startSending()
    const { alice, ctx } = sending
    const roomId = await sending.room(['near.test', 'far.test'].map((name) => sending.peer(name)))
    await memberRemotely(ctx, roomId, ['@gone:near.test', 'join'])
    await memberRemotely(ctx, roomId, ['@gone:near.test', 'leave'])
    for (const userId of [userAt('far.test'), alice.userId, '@gone:near.test', '@stranger:near.test', 'near.test', ''])
      await give(sending, 'm.typing', typing(roomId, userId))
    for (const odd of [null, 1, 'true', {}]) await give(sending, 'm.typing', typing(roomId, near, odd))
    await give(sending, 'm.typing', typing('!other:a.test', near))
    for (const content of [null, [], {}, 'm.typing', { room_id: 1, user_id: 2, typing: true }])
      await give(sending, 'm.typing', content as JsonValue)
    await putState(alice, roomId, ['m.room.server_acl', ''], { allow: ['*'], deny: ['near.test'] })
    await give(sending, 'm.typing', typing(roomId, near))

    assert.deepEqual(ctx.typing.in(roomId), [])
  })
})

describe('receipts of other servers', function () {
  this.timeout(30_000)

  it('are shown to users here, the farthest of each, with their time and thread', async () => {
    await using sending = await startSending()
    const { alice, clock } = sending
    const roomId = await sending.room([sending.peer('near.test')])
    const [one, two] = [await sendText(alice, roomId, 'one'), await sendText(alice, roomId, 'two')]
    const reply = await sendRelated(alice, roomId, { relType: 'm.thread', parentId: one, body: 'reply' })
    const { next_batch: since } = await sync(alice)
    const ts = clock.now() - 5000
    await give(sending, 'm.receipt', receipt(roomId, near, { eventId: two, ts }))
    await give(sending, 'm.receipt', receipt(roomId, near, { eventId: one, ts }))
    await give(
      sending,
      'm.receipt',
      receipt(roomId, near, { eventId: reply, ts: clock.now() + 99_999, thread_id: one }),
    )
    await give(sending, 'm.receipt', receipt(roomId, near, { eventId: two, ts, thread_id: one }))

    const synced = await sync(alice, { since })
    assert.deepEqual(Object.assign({}, ...ephemeral(synced, roomId, 'm.receipt')), {
      [two]: { 'm.read': { [near]: { ts } } },
      [reply]: { 'm.read': { [near]: { ts: clock.now(), thread_id: one } } },
    })
  })

  it('that come before their event are shown when that is there', async () => {
    await using sending = await startSending()
    const { alice, ctx } = sending
    const roomId = await sending.room([sending.peer('near.test')])
    const { next_batch: since } = await sync(alice)
    const act = { sender: near, type: 'm.room.message', content: { body: 'late' } } as const
    const { id } = await remoteEvent(ctx, roomId, act)
    await give(sending, 'm.receipt', receipt(roomId, near, { eventId: id, ts: 5 }))
    await give(sending, 'm.receipt', receipt(roomId, near, { eventId: '$never', ts: 5 }))
    assert.equal(await actRemotely(ctx, roomId, act), id)
    while ((await ctx.store.rooms.receipts.listOfUser(roomId, near)).length === 0)
      await new Promise((resolve) => setImmediate(resolve))

    assert.deepEqual(ephemeral(await sync(alice, { since }), roomId, 'm.receipt'), [
      { [id]: { 'm.read': { [near]: { ts: 5 } } } },
    ])
    for (let events = 0; events < 10; events++) await sendText(alice, roomId, `${events}`)
    assert.ok(!ctx.earlyReceipts.has(roomId))
  })

  it('T39 count for users of the server that sends them, in rooms they are in, and for events that are there', async () => {
    await using sending = await startSending()
    const { alice, ctx } = sending
    const roomId = await sending.room(['near.test', 'far.test'].map((name) => sending.peer(name)))
    const other = await createRoom(alice)
    const [event, elsewhere] = [await sendText(alice, roomId, 'one'), await sendText(alice, other, 'two')]
    const { next_batch: since } = await sync(alice)
    for (const userId of [userAt('far.test'), alice.userId, '@stranger:near.test', '__proto__', ''])
      await give(sending, 'm.receipt', receipt(roomId, userId, { eventId: event }))
    for (const eventId of [elsewhere, '$unknown', 'x'])
      await give(sending, 'm.receipt', receipt(roomId, near, { eventId }))
    await give(sending, 'm.receipt', receipt(other, near, { eventId: elsewhere }))
    await give(sending, 'm.receipt', {
      [roomId]: { 'm.read.private': { [near]: { event_ids: [event], data: { ts: 1 } } } },
    })
    for (const odd of [null, [], 1, { event_ids: null }, { event_ids: [], data: {} }, { event_ids: [1], data: null }])
      await give(sending, 'm.receipt', { [roomId]: { 'm.read': { [near]: odd } } } as JsonObject)
    await putState(alice, roomId, ['m.room.server_acl', ''], { allow: ['*'], deny: ['near.test'] })
    await give(sending, 'm.receipt', receipt(roomId, near, { eventId: event }))

    assert.deepEqual(ephemeral(await sync(alice, { since }), roomId, 'm.receipt'), [])
    assert.deepEqual(await ctx.store.rooms.receipts.listOfUser(roomId, near), [])
  })
})

describe('presence of other servers', function () {
  this.timeout(30_000)

  const online = (userId: string, more: JsonObject = {}) => ({
    push: [{ user_id: userId, presence: 'online', last_active_ago: 1000, currently_active: true, ...more }],
  })

  it('is shown to users here who share a room, until nothing is heard of it for half an hour', async () => {
    await using sending = await startSending()
    const { alice, server } = sending
    const bob = await server.register('bob')
    await sending.room([sending.peer('near.test')])
    const [first, bobs] = [await sync(alice), await sync(bob)]
    await give(sending, 'm.presence', online(near, { status_msg: 'here' }))
    const synced = await sync(alice, { since: first.next_batch })
    assert.deepEqual(presenceOf(synced, near), [
      { presence: 'online', status_msg: 'here', last_active_ago: 1000, currently_active: true },
    ])
    assert.deepEqual(presenceOf(await sync(bob, { since: bobs.next_batch }), near), [])
    await sending.pass(31 * minute)
    const [gone] = presenceOf(await sync(alice, { since: synced.next_batch }), near)
    assert.equal(gone?.presence, 'offline')
  })

  it('T39 counts for users of the server that sends it who share a room, and displaces nobody here', async () => {
    await using sending = await startSending()
    const { alice, ctx } = sending
    await sending.room(['near.test', 'far.test'].map((name) => sending.peer(name)))
    await sync(alice)
    const before = ctx.presence.find(alice.userId)
    for (const userId of [userAt('far.test'), '@stranger:near.test', 'near.test', ''])
      await give(sending, 'm.presence', online(userId))
    await give(sending, 'm.presence', online(alice.userId, { presence: 'unavailable' }))
    for (const push of [null, {}, [null, 1, 'x', {}], [{ user_id: near, presence: 'sleeping' }]])
      await give(sending, 'm.presence', { push } as JsonObject)

    for (const userId of [near, userAt('far.test'), '@stranger:near.test'] as const)
      assert.equal(ctx.presence.find(userId), undefined)
    assert.deepEqual(ctx.presence.find(alice.userId), before)
  })

  it('is no presence to send on', async () => {
    await using sending = await startSending()
    const [near_, far] = ['near.test', 'far.test'].map((name) => sending.peer(name))
    await sending.room([near_!, far!])
    await sending.pass(2000)
    far!.received.length = 0
    await give(sending, 'm.presence', online(near))
    await sending.pass(2000)
    assert.deepEqual(
      far!
        .edus('m.presence')
        .flatMap(({ push }) => (push as JsonObject[]).map(({ user_id: user }) => user))
        .filter((user) => user === near),
      [],
    )
  })
})
