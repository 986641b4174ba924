import assert from 'node:assert/strict'
import type { RoomId, UserId } from '#protocol/ids.ts'
import { appendEvent } from '#services/rooms/write/append.ts'
import { accepted, type TestUser } from '../../../support/server/client.ts'
import { createRoom, join, putState, redact, sendEvent, sendRelated, sendText } from '../../../support/rooms/rooms.ts'
import { readMessages, readRoom, readRoomV1, textsOf } from '../../../support/rooms/room-reads.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { joined, sync, type SyncEvent } from '../../../support/server/sync.ts'

const ignore = (user: TestUser, ...ignored: TestUser[]) =>
  user.request('PUT', `/_matrix/client/v3/user/${encodeURIComponent(user.userId)}/account_data/m.ignored_user_list`, {
    ignored_users: Object.fromEntries(ignored.map(({ userId }) => [userId, {}])),
  })

type Bundle = {
  'm.thread'?: { count: number; latest_event: SyncEvent }
  'm.reference'?: { chunk: { event_id: string }[] }
}
const bundleOf = ({ unsigned }: SyncEvent): Bundle => (unsigned?.['m.relations'] ?? {}) as Bundle
const idsOf = (events: SyncEvent[]): string[] => events.map(({ event_id }) => event_id)

/** A thread of Alice with replies of Carol and then Bob, and a thread of Bob; Alice ignores Bob. */
async function quarrel(server: Awaited<ReturnType<typeof startTestServer>>) {
  const [alice, bob, carol] = [
    await server.register('alice'),
    await server.register('bob'),
    await server.register('carol'),
  ]
  const roomId = await createRoom(alice, { preset: 'public_chat' })
  for (const user of [bob, carol]) accepted(await join(user, roomId))
  const root = await sendText(alice, roomId, 'root')
  const reply = await sendRelated(carol, roomId, { relType: 'm.thread', parentId: root, body: 'heard' })
  const unheard = await sendRelated(bob, roomId, { relType: 'm.thread', parentId: root, body: 'unheard' })
  const reference = await sendRelated(carol, roomId, { relType: 'm.reference', parentId: root, body: 'reference' })
  await sendRelated(bob, roomId, { relType: 'm.reference', parentId: root, body: 'unheard reference' })
  const bobsRoot = await sendText(bob, roomId, 'root of Bob')
  await sendRelated(carol, roomId, { relType: 'm.thread', parentId: bobsRoot, body: 'to Bob' })
  accepted(await putState(alice, roomId, ['m.room.power_levels'], { users: { [bob.userId]: 50 } }))
  return { alice, bob, carol, roomId, root, reply, unheard, reference, bobsRoot }
}

describe('what a reader does not want to hear of ignored users', () => {
  it('N04 is in no thread, bundle, list of relations or threads, page or context, warm or cold', async () => {
    await using server = await startTestServer()
    const scene = await quarrel(server)
    const { alice, bob, carol, roomId, root, reply, unheard, reference, bobsRoot } = scene
    accepted(await ignore(alice, bob))
    const expected = { count: 1, latest: reply, references: [reference] }
    const summary = (event: SyncEvent) => {
      const { 'm.thread': thread, 'm.reference': references } = bundleOf(event)
      return {
        count: thread?.count,
        latest: thread?.latest_event.event_id,
        references: references?.chunk.map(({ event_id }) => event_id),
      }
    }
    for (const isCold of [false, true]) {
      if (isCold) await server.context.rooms.drop(roomId as never)
      const label = isCold ? 'cold' : 'warm'
      const filter = { room: { timeline: { limit: 50 } } }
      const synced = joined(await sync(alice, { filter }), roomId).timeline.events
      const messages: SyncEvent[] = accepted(await readMessages(alice, roomId, { limit: 50 })).chunk
      const single: SyncEvent = accepted(await readRoom(alice, [roomId, 'event', root]))
      const around = accepted(await readRoom(alice, [roomId, 'context', root], { limit: 50 }))
      const threads: SyncEvent[] = accepted(await readRoomV1(alice, [roomId, 'threads'])).chunk
      const relations: SyncEvent[] = accepted(await readRoomV1(alice, [roomId, 'relations', root], { limit: 50 })).chunk
      const find = (events: SyncEvent[]) => events.find(({ event_id }) => event_id === root) as SyncEvent
      for (const event of [find(synced), find(messages), single, around.event, find(threads)])
        assert.deepEqual(summary(event), expected, label)
      assert.deepEqual(idsOf(threads), [root], label)
      assert.deepEqual(idsOf(relations).sort(), [reply, reference].sort(), label)
      for (const events of [synced, messages, around.events_before, around.events_after] as SyncEvent[][])
        assert.ok(!events.some(({ sender, state_key }) => sender === bob.userId && state_key === undefined), label)
      for (const hidden of [unheard, bobsRoot])
        for (const path of ['event', 'context'])
          assert.equal((await readRoom(alice, [roomId, path, hidden])).status, 404, label)
      assert.equal((await readRoomV1(alice, [roomId, 'relations', bobsRoot])).status, 404, label)
      const heardByCarol: SyncEvent = accepted(await readRoom(carol, [roomId, 'event', root]))
      assert.equal(bundleOf(heardByCarol)['m.thread']?.count, 2)
    }
    assert.deepEqual(
      textsOf(
        accepted(await readMessages(alice, roomId, { filter: JSON.stringify({ related_by_senders: [bob.userId] }) }))
          .chunk,
      ),
      [],
    )
  })

  it('N04 is no reason in a redaction, which is told all the same', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId, reply } = await quarrel(server)
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/redact/${encodeURIComponent(reply)}/txn`
    accepted(await bob.request('PUT', path, { reason: 'unheard reason' }))
    accepted(await ignore(alice, bob))
    for (const isCold of [false, true]) {
      if (isCold) await server.context.rooms.drop(roomId as never)
      const event: SyncEvent = accepted(await readRoom(alice, [roomId, 'event', reply]))
      const because = event.unsigned?.['redacted_because'] as SyncEvent
      assert.deepEqual([because.sender, because.content['reason']], [bob.userId, undefined])
    }
  })

  it('N04 leaves their state to be seen, with what it replaced', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await quarrel(server)
    accepted(await ignore(alice, bob))
    for (const topic of ['one', 'two']) accepted(await putState(bob, roomId, ['m.room.topic'], { topic }))
    const [newest] = accepted(await readMessages(alice, roomId, { limit: 1 })).chunk as SyncEvent[]
    assert.deepEqual(
      [newest?.content['topic'], (newest?.unsigned?.['prev_content'] as { topic: string }).topic],
      ['two', 'one'],
    )
  })
})

describe('threads', () => {
  it('N07 cannot begin at a reply in a thread, an edit, a reaction or a reference', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const root = await sendText(alice, roomId, 'root')
    const related = [
      await sendRelated(alice, roomId, { relType: 'm.thread', parentId: root, body: 'in the thread' }),
      await sendRelated(alice, roomId, { relType: 'm.replace', parentId: root, body: 'edit' }),
      await sendRelated(alice, roomId, { relType: 'm.reference', parentId: root, body: 'reference' }),
      await sendEvent(alice, roomId, [
        'm.reaction',
        { 'm.relates_to': { rel_type: 'm.annotation', event_id: root, key: '+' } },
      ]),
    ]
    for (const isCold of [false, true]) {
      if (isCold) await server.context.rooms.drop(roomId as never)
      for (const [index, parentId] of related.entries()) {
        const content = { msgtype: 'm.text', body: 'no', 'm.relates_to': { rel_type: 'm.thread', event_id: parentId } }
        const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${index} ${isCold}`
        const sent = await alice.request('PUT', path, content)
        const state = await putState(alice, roomId, ['x.state'], content)
        for (const { status, body } of [sent, state])
          assert.deepEqual({ status, errcode: body.errcode }, { status: 400, errcode: 'M_UNKNOWN' })
      }
    }
    const { chunk } = accepted(await readRoomV1(alice, [roomId, 'threads']))
    assert.deepEqual(idsOf(chunk), [root])
  })

  it('N07 are none where another server began one at a reply in a thread', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const root = await sendText(alice, roomId, 'root')
    const reply = await sendRelated(alice, roomId, { relType: 'm.thread', parentId: root, body: 'reply' })
    const content = { msgtype: 'm.text', body: 'inner', 'm.relates_to': { rel_type: 'm.thread', event_id: reply } }
    const draft = { type: 'm.room.message', sender: alice.userId as UserId, content }
    await appendEvent(server.context, roomId as RoomId, draft)
    for (const isCold of [false, true]) {
      if (isCold) await server.context.rooms.drop(roomId as never)
      assert.deepEqual(idsOf(accepted(await readRoomV1(alice, [roomId, 'threads'])).chunk), [root])
      assert.deepEqual(bundleOf(accepted(await readRoom(alice, [roomId, 'event', reply]))), {})
    }
  })

  it('N07 may begin at a reply to a message, and what was redacted', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const root = await sendText(alice, roomId, 'root')
    const content = { msgtype: 'm.text', body: 'reply', 'm.relates_to': { 'm.in_reply_to': { event_id: root } } }
    const reply = await sendEvent(alice, roomId, ['m.room.message', content])
    const inThread = await sendRelated(alice, roomId, { relType: 'm.thread', parentId: root, body: 'in the thread' })
    accepted(await redact(alice, roomId, inThread))
    for (const parentId of [reply, inThread, '$unknown'])
      await sendRelated(alice, roomId, { relType: 'm.thread', parentId, body: 'in another thread' })
  })
})
