import assert from 'node:assert/strict'
import { accepted, refused, type TestReply, type TestUser } from '../../../support/server/client.ts'
import { createRoom, join, redact, sendEvent, sendRelated, sendText } from '../../../support/rooms/rooms.ts'
import { readAllMessages, readRoom, readRoomV1, textsOf } from '../../../support/rooms/room-reads.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'

type Body = TestReply['body']

/** A public room with alice and bob in it. */
async function sharedRoom(server: TestServer) {
  const alice = await server.register('alice')
  const bob = await server.register('bob')
  const roomId = await createRoom(alice, { preset: 'public_chat' })
  accepted(await join(bob, roomId))
  return { alice, bob, roomId }
}

/** The bundles of an event, read from memory and from disk, which must agree. */
async function bundlesOf(server: TestServer, user: TestUser, [roomId, eventId]: [RoomId, EventId]): Promise<Body> {
  const read = async () => accepted(await readRoom(user, [roomId, 'event', eventId])).unsigned['m.relations'] ?? {}
  const warm = await read()
  await server.context.rooms.drop(roomId)
  assert.deepEqual(await read(), warm)
  return warm
}

describe('bundled aggregations', () => {
  it('sum up a thread: its newest event, how many there are, and whether the reader wrote in it', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await sharedRoom(server)
    const carol = await server.register('carol')
    accepted(await join(carol, roomId))
    const root = await sendText(alice, roomId, 'root')
    await sendRelated(bob, roomId, { relType: 'm.thread', parentId: root, body: 'one' })
    const newest = await sendRelated(bob, roomId, { relType: 'm.thread', parentId: root, body: 'two' })
    await sendRelated(bob, roomId, { relType: 'm.replace', parentId: newest, body: 'two, edited' })

    const thread = (await bundlesOf(server, carol, [roomId, root]))['m.thread']

    assert.deepEqual([thread.count, thread.latest_event.event_id], [2, newest])
    assert.equal(thread.latest_event.room_id, roomId)
    assert.equal(thread.latest_event.unsigned['m.relations']['m.replace'].content.body, 'two, edited')
    const participated = async (user: TestUser) =>
      (await bundlesOf(server, user, [roomId, root]))['m.thread'].current_user_participated
    assert.deepEqual(
      [await participated(alice), await participated(bob), await participated(carol)],
      [true, true, false],
    )
  })

  it('hold the newest valid edit whole, and leave the original as it is', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await sharedRoom(server)
    const original = await sendText(alice, roomId, 'original')
    await sendRelated(alice, roomId, { relType: 'm.replace', parentId: original, body: 'first edit' })
    await server.clock.advance(1000)
    const newest = await sendRelated(alice, roomId, { relType: 'm.replace', parentId: original, body: 'second edit' })
    await server.clock.advance(1000)
    const relation = { 'm.relates_to': { rel_type: 'm.replace', event_id: original } }
    await sendEvent(alice, roomId, ['m.room.message', { msgtype: 'm.text', body: 'nothing new', ...relation }])
    await sendEvent(alice, roomId, ['org.example.other', { 'm.new_content': {}, ...relation }])
    for (let index = 0; index < 7; index++)
      await sendRelated(bob, roomId, { relType: 'm.replace', parentId: original, body: 'by somebody else' })
    await sendRelated(alice, roomId, { relType: 'm.replace', parentId: newest, body: 'an edit of an edit' })

    const edit = (await bundlesOf(server, bob, [roomId, original]))['m.replace']

    assert.deepEqual([edit.event_id, edit.content['m.new_content'].body], [newest, 'second edit'])
    assert.equal(accepted(await readRoom(bob, [roomId, 'event', original])).content.body, 'original')
    assert.deepEqual(await bundlesOf(server, bob, [roomId, newest]), {})
    accepted(await redact(alice, roomId, newest))
    const replaced = (await bundlesOf(server, bob, [roomId, original]))['m.replace']
    assert.equal(replaced.content['m.new_content'].body, 'first edit')
  })

  it('count as newest the edit with the greatest id among those of the same moment', async () => {
    await using server = await startTestServer()
    const { alice, roomId } = await sharedRoom(server)
    const original = await sendText(alice, roomId, 'original')
    const edits: string[] = []
    for (let index = 0; index < 6; index++)
      edits.push(await sendRelated(alice, roomId, { relType: 'm.replace', parentId: original, body: `edit ${index}` }))

    const edit = (await bundlesOf(server, alice, [roomId, original]))['m.replace']

    assert.equal(edit.event_id, edits.sort().at(-1))
  })

  it('take encrypted edits on trust', async () => {
    await using server = await startTestServer()
    const { alice, roomId } = await sharedRoom(server)
    const original = await sendEvent(alice, roomId, ['m.room.encrypted', { ciphertext: 'one' }])
    const relation = { 'm.relates_to': { rel_type: 'm.replace', event_id: original } }
    const edit = await sendEvent(alice, roomId, ['m.room.encrypted', { ciphertext: 'two', ...relation }])

    assert.equal((await bundlesOf(server, alice, [roomId, original]))['m.replace'].event_id, edit)
  })

  it('list references', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await sharedRoom(server)
    const poll = await sendText(alice, roomId, 'poll')
    const one = await sendRelated(bob, roomId, { relType: 'm.reference', parentId: poll, body: 'yes' })
    const two = await sendRelated(alice, roomId, { relType: 'm.reference', parentId: poll, body: 'no' })

    const { 'm.reference': reference } = await bundlesOf(server, alice, [roomId, poll])

    assert.deepEqual(reference, { chunk: [{ event_id: one }, { event_id: two }] })
  })

  it('stand on messages, context, relations and threads too', async () => {
    await using server = await startTestServer()
    const { alice, roomId } = await sharedRoom(server)
    const root = await sendText(alice, roomId, 'root')
    const child = await sendRelated(alice, roomId, { relType: 'm.thread', parentId: root, body: 'child' })
    await sendRelated(alice, roomId, { relType: 'm.replace', parentId: child, body: 'edited' })
    const relationsOf = (events: Body[], id: string) =>
      Object.keys(events.find(({ event_id }) => event_id === id).unsigned['m.relations'])

    for (const cold of [false, true]) {
      if (cold) await server.context.rooms.drop(roomId)
      const around = accepted(await readRoom(alice, [roomId, 'context', child]))
      assert.deepEqual(relationsOf(await readAllMessages(alice, roomId), root), ['m.thread'])
      assert.deepEqual(relationsOf(around.events_before, root), ['m.thread'])
      assert.deepEqual(relationsOf([around.event], child), ['m.replace'])
      const children = accepted(await readRoomV1(alice, [roomId, 'relations', root, 'm.thread'])).chunk
      assert.deepEqual(relationsOf(children, child), ['m.replace'])
      assert.deepEqual(relationsOf(accepted(await readRoomV1(alice, [roomId, 'threads'])).chunk, root), ['m.thread'])
    }
  })

  it('do not reach into other rooms', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await sharedRoom(server)
    const root = await sendText(alice, roomId, 'root')
    const otherRoom = await createRoom(bob)
    await sendRelated(bob, otherRoom, { relType: 'm.reference', parentId: root, body: 'from elsewhere' })

    assert.deepEqual(await bundlesOf(server, alice, [roomId, root]), {})
    assert.deepEqual(accepted(await readRoomV1(alice, [roomId, 'relations', root])).chunk, [])
  })

  it('T81 tell nobody but the sending device the transaction id of an edit', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await sharedRoom(server)
    const otherDevice = await server.login('alice')
    const original = await sendText(alice, roomId, 'original')
    await sendRelated(alice, roomId, { relType: 'm.replace', parentId: original, body: 'edit' })
    const idIn = async (user: TestUser) =>
      (await bundlesOf(server, user, [roomId, original]))['m.replace'].unsigned.transaction_id

    assert.equal(typeof (await idIn(alice)), 'string')
    assert.deepEqual([await idIn(otherDevice), await idIn(bob)], [undefined, undefined])
  })
})

describe('GET /rooms/{roomId}/relations/{eventId}', () => {
  it('lists children, the newest first, narrowed by relation and event type', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await sharedRoom(server)
    const root = await sendText(alice, roomId, 'root')
    await sendRelated(bob, roomId, { relType: 'm.thread', parentId: root, body: 'in thread' })
    await sendRelated(bob, roomId, { relType: 'm.reference', parentId: root, body: 'reference' })
    const annotation = { 'm.relates_to': { rel_type: 'm.annotation', event_id: root, key: '👍' } }
    await sendEvent(bob, roomId, ['m.reaction', annotation])
    const read = async (...narrower: string[]) =>
      accepted(await readRoomV1(alice, [roomId, 'relations', root, ...narrower])).chunk

    assert.deepEqual(
      (await read()).map(({ type }: Body) => type),
      ['m.reaction', 'm.room.message', 'm.room.message'],
    )
    assert.deepEqual(textsOf(await read('m.thread')), ['in thread'])
    assert.deepEqual(textsOf(await read('m.thread', 'm.room.message')), ['in thread'])
    assert.deepEqual(await read('m.thread', 'm.reaction'), [])
    assert.equal((await read('m.annotation', 'm.reaction')).length, 1)
  })

  it('pages in both directions', async () => {
    await using server = await startTestServer()
    const { alice, roomId } = await sharedRoom(server)
    const root = await sendText(alice, roomId, 'root')
    const bodies = ['1', '2', '3', '4', '5']
    for (const body of bodies) await sendRelated(alice, roomId, { relType: 'm.thread', parentId: root, body })

    for (const dir of ['b', 'f']) {
      const texts: string[] = []
      let from: string | undefined
      for (let page = 0; page < 3; page++) {
        const query = { dir, limit: 2, ...(from !== undefined && { from }) }
        const { chunk, next_batch, prev_batch } = accepted(await readRoomV1(alice, [roomId, 'relations', root], query))
        assert.equal(prev_batch, from)
        texts.push(...textsOf(chunk))
        from = next_batch
      }
      assert.deepEqual(texts, dir === 'f' ? bodies : bodies.toReversed())
      assert.equal(from, undefined)
    }
  })

  it('recurses when asked to, and says how deep', async () => {
    await using server = await startTestServer()
    const { alice, roomId } = await sharedRoom(server)
    const root = await sendText(alice, roomId, 'root')
    const child = await sendRelated(alice, roomId, { relType: 'm.thread', parentId: root, body: 'child' })
    await sendRelated(alice, roomId, { relType: 'm.reference', parentId: child, body: 'grandchild' })

    const flat = accepted(await readRoomV1(alice, [roomId, 'relations', root]))
    const deep = accepted(await readRoomV1(alice, [roomId, 'relations', root], { recurse: true }))
    const narrow = accepted(await readRoomV1(alice, [roomId, 'relations', root, 'm.reference'], { recurse: true }))

    assert.deepEqual([textsOf(flat.chunk), flat.recursion_depth], [['child'], undefined])
    assert.deepEqual([textsOf(deep.chunk), deep.recursion_depth], [['grandchild', 'child'], 3])
    assert.deepEqual(narrow.chunk, [], 'what is reached only over an event that does not match is left out')
  })

  it('T86 cuts what is too much and refuses what is no number', async () => {
    await using server = await startTestServer()
    const { alice, roomId } = await sharedRoom(server)
    const root = await sendText(alice, roomId, 'root')
    for (const limit of [0, 2 ** 31]) accepted(await readRoomV1(alice, [roomId, 'relations', root], { limit }))
    for (const limit of [-1, 2 ** 53]) {
      refused(await readRoomV1(alice, [roomId, 'relations', root], { limit }), 400, 'M_INVALID_PARAM')
      refused(await readRoomV1(alice, [roomId, 'threads'], { limit }), 400, 'M_INVALID_PARAM')
    }
    refused(await readRoomV1(alice, [roomId, 'threads'], { limit: 0 }), 400, 'M_INVALID_PARAM')
    accepted(await readRoomV1(alice, [roomId, 'threads'], { limit: 2 ** 31 }))
    refused(await readRoomV1(alice, [roomId, 'relations', '$unknown']), 404, 'M_NOT_FOUND')
  })
})

describe('GET /rooms/{roomId}/threads', () => {
  it('lists threads by their newest event, page by page', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await sharedRoom(server)
    const roots: string[] = []
    for (const text of ['one', 'two', 'three']) roots.push(await sendText(alice, roomId, text))
    for (const root of [...roots, roots[0]!])
      await sendRelated(bob, roomId, { relType: 'm.thread', parentId: root, body: 'reply' })
    await sendText(alice, roomId, 'no thread')

    const first = accepted(await readRoomV1(alice, [roomId, 'threads'], { limit: 2 }))
    const second = accepted(await readRoomV1(alice, [roomId, 'threads'], { limit: 2, from: first.next_batch }))

    assert.deepEqual(textsOf(first.chunk), ['one', 'three'])
    assert.deepEqual(textsOf(second.chunk), ['two'])
    assert.equal(second.next_batch, undefined)
  })

  it('narrows them to those the user started or wrote in', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await sharedRoom(server)
    const carol = await server.register('carol')
    accepted(await join(carol, roomId))
    const started = await sendText(bob, roomId, 'started by bob')
    const joined = await sendText(alice, roomId, 'joined by bob')
    const foreign = await sendText(alice, roomId, 'not of bob')
    for (const root of [started, joined, foreign])
      await sendRelated(carol, roomId, { relType: 'm.thread', parentId: root, body: 'reply' })
    await sendRelated(bob, roomId, { relType: 'm.thread', parentId: joined, body: 'reply' })

    const participated = accepted(await readRoomV1(bob, [roomId, 'threads'], { include: 'participated' }))
    const all = accepted(await readRoomV1(bob, [roomId, 'threads'], { include: 'all' }))

    assert.deepEqual(textsOf(participated.chunk), ['joined by bob', 'started by bob'])
    assert.equal(all.chunk.length, 3)
  })
})
