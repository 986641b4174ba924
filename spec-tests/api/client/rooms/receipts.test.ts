import assert from 'node:assert/strict'
import fc from 'fast-check'
import { accepted, refused, type TestUser } from '../../../support/server/client.ts'
import { createRoom, join, roomPath, sendText } from '../../../support/rooms/rooms.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { joined, sync, type Synced } from '../../../support/server/sync.ts'

type Server = Awaited<ReturnType<typeof startTestServer>>

const read = (user: TestUser, [roomId, eventId]: readonly [string, string], type = 'm.read', body: object = {}) =>
  user.request('POST', roomPath(roomId, 'receipt', type, eventId), body)
const markers = (user: TestUser, roomId: string, body: object) =>
  user.request('POST', roomPath(roomId, 'read_markers'), body)

/** The content of the one m.receipt event of a room; undefined where there is none. */
function receiptsIn({ rooms }: Synced, roomId: string): unknown {
  const events = rooms.join?.[roomId]?.ephemeral.events.filter(({ type }) => type === 'm.receipt') ?? []
  assert.ok(events.length <= 1)
  return events[0]?.content
}

const fullyRead = (answer: Synced, roomId: string): unknown =>
  answer.rooms.join?.[roomId]?.account_data.events.find(({ type }) => type === 'm.fully_read')?.content

async function room(server: Server) {
  const [alice, bob] = [await server.register('alice'), await server.register('bob')]
  const roomId = await createRoom(alice, { preset: 'public_chat' })
  accepted(await join(bob, roomId))
  const one = await sendText(alice, roomId, 'one')
  const two = await sendText(alice, roomId, 'two')
  return { alice, bob, roomId, one, two }
}

async function sendRelated(user: TestUser, roomId: string, relation: object, body = 'related'): Promise<string> {
  const content = { msgtype: 'm.text', body, 'm.relates_to': relation }
  const path = roomPath(roomId, 'send', 'm.room.message', JSON.stringify(relation) + body)
  return accepted(await user.request('PUT', path, content)).event_id
}

const inThread = (root: string) => ({ rel_type: 'm.thread', event_id: root })

describe('receipts', () => {
  it('are told to the room, in a first sync and then as they come', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId, one, two } = await room(server)
    const ts = server.clock.now()

    accepted(await read(bob, [roomId, one]))
    const first = await sync(alice)
    accepted(await read(bob, [roomId, two]))
    const second = await sync(alice, { since: first.next_batch })
    const third = await sync(alice, { since: second.next_batch })

    assert.deepEqual(receiptsIn(first, roomId), { [one]: { 'm.read': { [bob.userId]: { ts } } } })
    assert.deepEqual(receiptsIn(second, roomId), { [two]: { 'm.read': { [bob.userId]: { ts } } } })
    assert.equal(receiptsIn(third, roomId), undefined)
  })

  it('of a private kind are told to their owner alone', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId, two } = await room(server)
    const waiting = { alice: (await sync(alice)).next_batch, bob: (await sync(bob)).next_batch }

    accepted(await read(bob, [roomId, two], 'm.read.private'))

    const own = { [two]: { 'm.read.private': { [bob.userId]: { ts: server.clock.now() } } } }
    assert.deepEqual(receiptsIn(await sync(bob, { since: waiting.bob }), roomId), own)
    assert.deepEqual(receiptsIn(await sync(bob), roomId), own)
    assert.equal(receiptsIn(await sync(alice, { since: waiting.alice }), roomId), undefined)
    assert.equal(receiptsIn(await sync(alice), roomId), undefined)
  })

  it('never go backwards, each kind and thread by itself', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId, one, two } = await room(server)

    for (const [eventId, type, body] of [
      [two, 'm.read', {}],
      [one, 'm.read', {}],
      [one, 'm.read', { thread_id: 'main' }],
    ] as const)
      accepted(await read(bob, [roomId, eventId], type, body))

    const ts = server.clock.now()
    assert.deepEqual(receiptsIn(await sync(alice), roomId), {
      [one]: { 'm.read': { [bob.userId]: { ts, thread_id: 'main' } } },
      [two]: { 'm.read': { [bob.userId]: { ts } } },
    })
  })

  it('without thread leave one for a thread on the same event its own place, for whoever comes when', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId, two } = await room(server)
    const ts = server.clock.now()
    const receipts = (answer: Synced) => joined(answer, roomId).ephemeral.events.map(({ content }) => content)
    const toldOf = (receipt: object) => ({ [two]: { 'm.read': { [bob.userId]: receipt } } })
    const [first, second] = [toldOf({ ts }), toldOf({ ts, thread_id: 'main' })]

    accepted(await read(bob, [roomId, two], 'm.read', { thread_id: 'main' }))
    const { next_batch: since, ...answer } = await sync(alice)
    assert.deepEqual(receipts({ next_batch: since, ...answer }), [second])
    accepted(await read(bob, [roomId, two]))
    assert.deepEqual(receipts(await sync(alice, { since })), [first])
    assert.deepEqual(receipts(await sync(alice)), [first, second])
  })

  it('for a thread must name an event of it', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId, one, two } = await room(server)
    const reply = await sendRelated(alice, roomId, inThread(one))
    const reaction = await sendRelated(alice, roomId, { rel_type: 'm.annotation', event_id: reply, key: '+' })
    const reference = await sendRelated(alice, roomId, { rel_type: 'm.reference', event_id: one })

    for (const [eventId, thread_id] of [
      [one, 'main'],
      [one, one],
      [reply, one],
      [reaction, one],
      [two, 'main'],
      [reference, 'main'],
      // Not in the thread, but related to its root.
      [reference, one],
    ] as const)
      accepted(await read(bob, [roomId, eventId], 'm.read', { thread_id }))
    for (const [eventId, thread_id] of [
      [reply, 'main'],
      [reaction, 'main'],
      [two, one],
      [reply, two],
      [two, ''],
      [two, 7],
      [two, null],
    ] as const)
      refused(await read(bob, [roomId, eventId], 'm.read', { thread_id }), 400, 'M_INVALID_PARAM')
    refused(await read(bob, [roomId, two], 'm.fully_read', { thread_id: 'main' }), 400, 'M_INVALID_PARAM')
  })

  it('look no further than three relations for their thread', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId, one } = await room(server)
    const chain = [await sendRelated(alice, roomId, inThread(one))]
    for (let hop = 1; hop <= 4; hop++)
      chain.push(await sendRelated(alice, roomId, { rel_type: 'm.reference', event_id: chain.at(-1) }))

    const statuses = []
    for (const eventId of chain)
      statuses.push((await read(bob, [roomId, eventId], 'm.read', { thread_id: one })).status)

    assert.deepEqual(statuses, [200, 200, 200, 200, 400])
  })

  it('are for members, about events of the room, of the kinds there are', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId, one } = await room(server)
    const eve = await server.register('eve')
    const elsewhere = await sendText(alice, await createRoom(alice), 'elsewhere')

    refused(await read(eve, [roomId, one]), 403, 'M_FORBIDDEN')
    refused(await markers(eve, roomId, { 'm.read': one }), 403, 'M_FORBIDDEN')
    refused(await read(bob, [roomId, elsewhere]), 404, 'M_NOT_FOUND')
    refused(await read(bob, [roomId, '$unknown']), 404, 'M_NOT_FOUND')
    refused(await read(bob, [roomId, one], 'm.nonsense'), 400, 'M_INVALID_PARAM')
  })

  it('wake the room, or their owner alone', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId, one, two } = await room(server)
    const { waiters } = server.context
    // Wake-ups are remembered of those who sync.
    for (const user of [alice, bob]) await sync(user)

    let { moment } = waiters
    accepted(await read(bob, [roomId, one], 'm.read.private'))
    assert.deepEqual(
      [alice, bob].map(({ userId }) => waiters.movedSince(userId, moment).includes('receipts')),
      [false, true],
    )
    moment = waiters.moment
    accepted(await read(bob, [roomId, two]))
    assert.deepEqual(
      [alice, bob].map(({ userId }) => waiters.movedSince(userId, moment).includes('receipts')),
      [true, true],
    )
  })

  it('stand at the farthest event, whatever order they come in', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId, one, two } = await room(server)
    const events = [one, two, await sendText(alice, roomId, 'three'), await sendText(alice, roomId, 'four')]
    let farthest = -1

    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }), async (order) => {
        await Promise.all(order.map(async (at) => accepted(await read(bob, [roomId, events[at] ?? '']))))
        farthest = Math.max(farthest, ...order)
        const stored = await server.context.store.rooms.receipts.listOfUser(roomId, bob.userId)
        assert.deepEqual(
          stored.map(({ eventId }) => eventId),
          [events[farthest]],
        )
      }),
      { numRuns: 10 },
    )
  })
})

describe('the fully read marker', () => {
  it('is room account data that moves forwards only', async () => {
    await using server = await startTestServer()
    const { bob, roomId, one, two } = await room(server)

    accepted(await markers(bob, roomId, { 'm.fully_read': one }))
    const first = await sync(bob)
    accepted(await read(bob, [roomId, two], 'm.fully_read'))
    const second = await sync(bob, { since: first.next_batch })
    accepted(await markers(bob, roomId, { 'm.fully_read': one }))
    const third = await sync(bob, { since: second.next_batch })

    assert.deepEqual(fullyRead(first, roomId), { event_id: one })
    assert.deepEqual(fullyRead(second, roomId), { event_id: two })
    assert.equal(fullyRead(third, roomId), undefined)
    assert.equal(receiptsIn(second, roomId), undefined)
  })

  it('brings receipts along', async () => {
    await using server = await startTestServer()
    const { bob, roomId, one, two } = await room(server)

    accepted(await markers(bob, roomId, { 'm.fully_read': one, 'm.read': two, 'm.read.private': two }))
    const ts = server.clock.now()
    const both = { 'm.read': { [bob.userId]: { ts } }, 'm.read.private': { [bob.userId]: { ts } } }

    assert.deepEqual(receiptsIn(await sync(bob), roomId), { [two]: both })
    accepted(await markers(bob, roomId, {}))
    accepted(await markers(bob, roomId, { 'org.matrix.msc2285.read.private': two }))
    refused(await markers(bob, roomId, { 'm.fully_read': 7 }), 400, 'M_BAD_JSON')
  })
})
