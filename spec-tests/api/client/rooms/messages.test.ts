import assert from 'node:assert/strict'
import { appendEvents } from '#services/rooms/write/append.ts'
import { createRoom, join, putState, roomPath, sendEvent, sendRelated, sendText } from '../../../support/rooms/rooms.ts'
import { accepted, refused } from '../../../support/server/client.ts'
import { readAllMessages, readMessages, readRoom, textsOf } from '../../../support/rooms/room-reads.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'

type Event = { event_id: string; type: string; state_key?: string; sender: string }

/** A public room of alice with some texts, named by their numbers. */
async function roomWithTexts(server: TestServer, count: number) {
  const alice = await server.register('alice')
  const roomId = await createRoom(alice, { preset: 'public_chat' })
  const texts = Array.from({ length: count }, (_, index) => String(index))
  const ids: string[] = []
  for (const text of texts) ids.push(await sendText(alice, roomId, text))
  return { alice, roomId, texts, ids }
}

const filter = (value: object) => JSON.stringify(value)

describe('GET /rooms/{roomId}/messages', () => {
  it('pages from either end to the other without gaps or repetition', async () => {
    await using server = await startTestServer()
    const { alice, roomId, texts } = await roomWithTexts(server, 70)
    const newestFirst = [...texts].reverse()

    for (const limit of [7, 1000]) {
      assert.deepEqual(textsOf(await readAllMessages(alice, roomId, { dir: 'b', limit })), newestFirst)
      assert.deepEqual(textsOf(await readAllMessages(alice, roomId, { dir: 'f', limit })), texts)
    }
    const first = accepted(await readMessages(alice, roomId))
    assert.deepEqual(textsOf(first.chunk), newestFirst.slice(0, 10), 'the default limit is 10')
    assert.equal(accepted(await readMessages(alice, roomId, { dir: 'f', limit: 1 })).chunk[0].type, 'm.room.create')
  })

  it('N43 answers an end with every event, and none with the empty page at the end of history', async () => {
    await using server = await startTestServer()
    const { alice, roomId } = await roomWithTexts(server, 3)

    const page = accepted(await readMessages(alice, roomId, { limit: 2 }))
    const next = accepted(await readMessages(alice, roomId, { limit: 100, from: page.end }))

    assert.equal(next.start, page.end)
    assert.equal(next.chunk.at(-1).type, 'm.room.create')
    assert.ok(next.end !== undefined && next.end !== next.start)
    const last = accepted(await readMessages(alice, roomId, { limit: 100, from: next.end }))
    assert.deepEqual([last.chunk, last.end], [[], undefined])
  })

  it('turns around at a token', async () => {
    await using server = await startTestServer()
    const { alice, roomId, texts } = await roomWithTexts(server, 9)
    const { end } = accepted(await readMessages(alice, roomId, { limit: 4 }))

    const later = accepted(await readMessages(alice, roomId, { dir: 'f', from: end, limit: 100 }))
    const earlier = accepted(await readMessages(alice, roomId, { dir: 'b', from: end, limit: 100 }))

    assert.deepEqual(textsOf(later.chunk), texts.slice(5))
    assert.deepEqual(textsOf(earlier.chunk).reverse(), texts.slice(0, 5))
  })

  it('stops at the to token', async () => {
    await using server = await startTestServer()
    const { alice, roomId, texts } = await roomWithTexts(server, 9)
    const { end } = accepted(await readMessages(alice, roomId, { limit: 4 }))

    const newest = accepted(await readMessages(alice, roomId, { dir: 'b', to: end, limit: 100 }))
    const oldest = accepted(await readMessages(alice, roomId, { dir: 'f', to: end, limit: 100 }))

    assert.deepEqual(textsOf(newest.chunk).reverse(), texts.slice(5))
    assert.deepEqual(textsOf(oldest.chunk), texts.slice(0, 5))
    for (const [dir, page] of [
      ['b', newest],
      ['f', oldest],
    ] as const) {
      const next = accepted(await readMessages(alice, roomId, { dir, from: page.end, to: end, limit: 100 }))
      assert.deepEqual([next.chunk, next.end], [[], undefined])
    }
  })

  it('takes tokens of /sync, which begin with the position of the events', async () => {
    await using server = await startTestServer()
    const { alice, roomId, texts } = await roomWithTexts(server, 5)
    const position = server.context.store.eventWriter.position()
    await sendText(alice, roomId, 'later')

    const page = accepted(await readMessages(alice, roomId, { from: `s${position}_0_12_3_0_0_7_abc.9` }))

    assert.deepEqual(textsOf(page.chunk).reverse(), texts)
  })

  it('filters by type, sender and url', async () => {
    await using server = await startTestServer()
    const { alice, roomId } = await roomWithTexts(server, 3)
    const bob = await server.register('bob')
    accepted(await join(bob, roomId))
    await sendText(bob, roomId, 'from bob')
    const picture = { msgtype: 'm.image', body: 'picture', url: 'mxc://test/picture' }
    await sendEvent(alice, roomId, ['m.room.message', picture])
    const matching = async (value: object) => textsOf(await readAllMessages(alice, roomId, { filter: filter(value) }))

    assert.deepEqual(await matching({ senders: [bob.userId] }), ['from bob'])
    assert.deepEqual(await matching({ contains_url: true }), ['picture'])
    assert.deepEqual(await matching({ types: ['m.room.mess*'], not_senders: [alice.userId] }), ['from bob'])
    assert.deepEqual(await matching({ types: [] }), [])
    assert.deepEqual(await matching({ not_rooms: [roomId] }), [])
    const members = await readAllMessages(alice, roomId, { filter: filter({ types: ['m.room.member'] }) })
    assert.deepEqual(
      members.map(({ state_key }: Event) => state_key),
      [bob.userId, alice.userId],
    )
  })

  it('filters by who relates to an event and how', async () => {
    await using server = await startTestServer()
    const { alice, roomId, ids } = await roomWithTexts(server, 3)
    const bob = await server.register('bob')
    accepted(await join(bob, roomId))
    await sendRelated(alice, roomId, { relType: 'm.thread', parentId: ids[0]!, body: 'thread' })
    await sendRelated(bob, roomId, { relType: 'm.reference', parentId: ids[1]!, body: 'reference' })
    const matching = async (value: object) => textsOf(await readAllMessages(alice, roomId, { filter: filter(value) }))

    assert.deepEqual(await matching({ related_by_rel_types: ['m.thread'] }), ['0'])
    assert.deepEqual(await matching({ related_by_senders: [bob.userId] }), ['1'])
    assert.deepEqual(await matching({ related_by_rel_types: ['m.thread'], related_by_senders: [bob.userId] }), [])
  })

  it('adds the member events of the senders when members are loaded lazily', async () => {
    await using server = await startTestServer()
    const { alice, roomId } = await roomWithTexts(server, 2)
    const bob = await server.register('bob')
    const carol = await server.register('carol')
    accepted(await join(bob, roomId))
    accepted(await join(carol, roomId))
    await sendText(bob, roomId, 'from bob')
    await sendText(alice, roomId, 'from alice')

    const query = { limit: 2, filter: filter({ lazy_load_members: true }) }
    const { chunk, state } = accepted(await readMessages(carol, roomId, query))

    assert.deepEqual(textsOf(chunk), ['from alice', 'from bob'])
    assert.ok(state.every(({ type }: Event) => type === 'm.room.member'))
    assert.deepEqual(state.map(({ state_key }: Event) => state_key).sort(), [alice.userId, bob.userId])
    assert.equal(accepted(await readMessages(carol, roomId)).state, undefined)
  })

  it('T22 goes on past events that the reader does not get', async () => {
    await using server = await startTestServer()
    const hidden = { type: 'm.room.history_visibility', content: { history_visibility: 'joined' } }
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    await sendText(alice, roomId, 'shown')
    accepted(await putState(alice, roomId, [hidden.type], hidden.content))
    const secret = { type: 'm.room.message', sender: alice.userId, content: { msgtype: 'm.text', body: 'secret' } }
    for (let batch = 0; batch < 5; batch++)
      await appendEvents(
        server.context,
        roomId,
        Array.from({ length: 120 }, () => secret),
      )
    accepted(await join(bob, roomId))

    const page = accepted(await readMessages(bob, roomId, { limit: 5 }))

    assert.deepEqual(textsOf(page.chunk), ['shown'])
    assert.equal((await readAllMessages(bob, roomId)).at(-1).type, 'm.room.create')
    const rare = filter({ types: ['m.room.create'] })
    const found = accepted(await readMessages(alice, roomId, { limit: 5, filter: rare }))
    const rest = accepted(await readMessages(alice, roomId, { limit: 5, filter: rare, from: found.end }))
    assert.deepEqual([found.chunk.length, rest.chunk, rest.end], [1, [], undefined])
  })

  it('T86 cuts what is too much and refuses what is no number', async () => {
    await using server = await startTestServer()
    const { alice, roomId, ids } = await roomWithTexts(server, 3)
    const status = async (limit: string) => (await readMessages(alice, roomId, { limit })).status

    assert.equal(accepted(await readMessages(alice, roomId, { limit: 0 })).chunk.length, 1)
    assert.equal(await status(String(2 ** 31)), 200)
    for (const limit of ['-1', String(2 ** 53), '1e3', '0x10', 'ten', '1.5'])
      refused(await readMessages(alice, roomId, { limit }), 400, 'M_INVALID_PARAM')
    for (const limit of [0, 2 ** 31]) accepted(await readRoom(alice, [roomId, 'context', ids[1]!], { limit }))
    for (const limit of [-1, 2 ** 53])
      refused(await readRoom(alice, [roomId, 'context', ids[1]!], { limit }), 400, 'M_INVALID_PARAM')
  })

  it('refuses tokens, filters and directions that make no sense', async () => {
    await using server = await startTestServer()
    const { alice, roomId } = await roomWithTexts(server, 1)

    for (const from of ['nonsense', 't', 't-1', 't1e5', 't99999999999999999999', '12', 's', 'sync', "t1'--", '%00'])
      refused(await readMessages(alice, roomId, { from }), 400, 'M_INVALID_PARAM')
    refused(await readMessages(alice, roomId, { to: 'nonsense' }), 400, 'M_INVALID_PARAM')
    refused(await readMessages(alice, roomId, { dir: 'sideways' }), 400, 'M_INVALID_PARAM')
    refused(await alice.request('GET', roomPath(roomId, 'messages')), 400, 'M_MISSING_PARAM')
    const stranger = await server.register('stranger')
    refused(await stranger.request('GET', roomPath(roomId, 'messages')), 403, 'M_FORBIDDEN')
    for (const text of ['{', '[]', '{"types":1}', '{"limit":-1}'])
      refused(await readMessages(alice, roomId, { filter: text }), 400, 'M_INVALID_PARAM')
    accepted(await readMessages(alice, roomId, { from: 't0', dir: 'f' }))
    accepted(await readMessages(alice, roomId, { from: 't999999999999' }))
  })
})

describe('GET /rooms/{roomId}/context/{eventId}', () => {
  it('shows an event with what came before and after, and tokens to page on from there', async () => {
    await using server = await startTestServer()
    const { alice, roomId, texts, ids } = await roomWithTexts(server, 12)

    const around = accepted(await readRoom(alice, [roomId, 'context', ids[6]!], { limit: 4 }))

    assert.equal(around.event.content.body, '6')
    assert.deepEqual(textsOf(around.events_before), ['5', '4'])
    assert.deepEqual(textsOf(around.events_after), ['7', '8'])
    const earlier = accepted(await readMessages(alice, roomId, { dir: 'b', from: around.start, limit: 100 }))
    const later = accepted(await readMessages(alice, roomId, { dir: 'f', from: around.end, limit: 100 }))
    assert.deepEqual(textsOf(earlier.chunk).reverse(), texts.slice(0, 4))
    assert.deepEqual(textsOf(later.chunk), texts.slice(9))
  })

  it('answers only the event for a limit of 0', async () => {
    await using server = await startTestServer()
    const { alice, roomId, texts, ids } = await roomWithTexts(server, 3)

    const around = accepted(await readRoom(alice, [roomId, 'context', ids[1]!], { limit: 0 }))

    assert.deepEqual([around.events_before, around.events_after], [[], []])
    const later = accepted(await readMessages(alice, roomId, { dir: 'f', from: around.end, limit: 100 }))
    assert.deepEqual(textsOf(later.chunk), texts.slice(2))
  })

  it('shows the state as it was at the last event', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice, { preset: 'public_chat', topic: 'old' })
    const eventId = await sendText(alice, roomId, 'here')
    await sendText(alice, roomId, 'after')
    accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'new' }))
    const topicAt = async (limit: number) => {
      const { state } = accepted(await readRoom(alice, [roomId, 'context', eventId], { limit }))
      return state.find(({ type }: Event) => type === 'm.room.topic').content.topic
    }

    assert.equal(await topicAt(2), 'old')
    assert.equal(await topicAt(6), 'new')
  })

  it('filters events and state, but not the event itself, and leaves out idle members when asked to', async () => {
    await using server = await startTestServer()
    const { alice, roomId, ids } = await roomWithTexts(server, 3)
    const bob = await server.register('bob')
    accepted(await join(bob, roomId))
    const read = async (value: object) =>
      accepted(await readRoom(alice, [roomId, 'context', ids[1]!], { limit: 50, filter: filter(value) }))

    const names = await read({ types: ['m.room.name'] })
    const lazy = await read({ lazy_load_members: true, not_types: ['m.room.member'] })
    const membersOnly = await read({
      lazy_load_members: true,
      types: ['m.room.message', 'm.room.member'],
      senders: [alice.userId],
    })

    assert.deepEqual([names.event.content.body, names.events_before, names.events_after], ['1', [], []])
    assert.ok(!lazy.state.some(({ type }: Event) => type === 'm.room.member'))
    assert.deepEqual(
      membersOnly.state.map(({ state_key }: Event) => state_key),
      [alice.userId],
    )
  })

  it('does not find events of other rooms', async () => {
    await using server = await startTestServer()
    const { alice, roomId } = await roomWithTexts(server, 1)
    const otherRoom = await createRoom(alice)
    const elsewhere = await sendText(alice, otherRoom, 'elsewhere')

    refused(await readRoom(alice, [roomId, 'context', elsewhere]), 404, 'M_NOT_FOUND')
    refused(await readRoom(alice, [roomId, 'event', elsewhere]), 404, 'M_NOT_FOUND')
    refused(await readRoom(alice, [roomId, 'event', '$unknown']), 404, 'M_NOT_FOUND')
  })
})
