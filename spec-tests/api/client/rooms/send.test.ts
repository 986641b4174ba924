import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { LiveRooms } from '#services/rooms/live/live-rooms.ts'
import { sendEvent } from '#services/rooms/write/send.ts'
import { createRoom, eventsOf, join, putState, roomPath, sendText } from '../../../support/rooms/rooms.ts'
import { accepted, refused } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'

describe('sending events', () => {
  it('answers the same event to a retry with the same transaction id', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const first = await sendText(alice, roomId, 'hello', 'txn')
    assert.equal(await sendText(alice, roomId, 'changed my mind', 'txn'), first)
    assert.notEqual(await sendText(alice, roomId, 'hello', 'other'), first)
    assert.equal((await eventsOf(server, roomId)).filter(({ type }) => type === 'm.room.message').length, 2)
  })

  it('keeps transaction ids apart by device, room and type', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const phone = await server.login('alice')
    const [one, two] = [await createRoom(alice), await createRoom(alice)]
    const path = roomPath(one, 'send', 'org.example.other', 'txn')
    const events = [
      await sendText(alice, one, 'hello', 'txn'),
      await sendText(phone, one, 'hello', 'txn'),
      await sendText(alice, two, 'hello', 'txn'),
      accepted(await alice.request('PUT', path, {})).event_id,
    ]
    assert.equal(new Set(events).size, 4)
  })

  it('makes one event of twenty identical requests at once, and loses nobody elses', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    const twenty = Array.from({ length: 20 }, () => sendText(alice, roomId, 'hello', 'txn'))
    const others = Array.from({ length: 5 }, (_, at) => sendText(bob, roomId, `${at}`))
    assert.equal(new Set(await Promise.all(twenty)).size, 1)
    assert.equal(new Set(await Promise.all(others)).size, 5)
    assert.equal((await eventsOf(server, roomId)).filter(({ type }) => type === 'm.room.message').length, 6)
  })

  it('takes an annotation once, until it is redacted', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    const target = await sendText(alice, roomId, 'hello')
    let txn = 0
    const react = (user: typeof alice, key: string, type = 'm.reaction') =>
      user.request('PUT', roomPath(roomId, 'send', type, `r${txn++}`), {
        'm.relates_to': { rel_type: 'm.annotation', event_id: target, key },
      })
    const { event_id: first } = accepted(await react(alice, '👍'))
    refused(await react(alice, '👍'), 400, 'M_DUPLICATE_ANNOTATION')
    accepted(await react(alice, '👎'))
    accepted(await react(alice, '👍', 'org.example.reaction'))
    accepted(await react(bob, '👍'))
    accepted(await alice.request('PUT', roomPath(roomId, 'redact', first, 'x'), {}))
    const atOnce = await Promise.all([1, 2, 3].map(() => react(alice, '👍')))
    assert.deepEqual(atOnce.map(({ status }) => status).toSorted(), [200, 400, 400])
  })

  it('lets two processes race for one transaction id, and makes one event', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const ctx = server.context
    const other = { ...ctx, rooms: new LiveRooms(ctx.store, 'test') }
    const transaction = { userId: alice.userId, deviceId: 'D', scope: 'x', transactionId: 'txn' }
    const sending = { roomId, type: 'm.room.message', sender: alice.userId, isAdmin: false, content: {}, transaction }
    const made = await Promise.all([ctx, other, ctx, other].map((process) => sendEvent(process, sending)))
    assert.equal(new Set(made).size, 1)
    assert.equal((await eventsOf(server, roomId)).filter(({ type }) => type === 'm.room.message').length, 1)
  })

  it('lets nobody but application services say when it was', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const path = `${roomPath(roomId, 'send', 'm.room.message', '1')}?ts=5`
    const { event_id: eventId } = accepted(await alice.request('PUT', path, { body: 'x' }))
    const event = await server.context.store.rooms.events.find(eventId)
    assert.equal(event?.originServerTs, server.clock.now())
  })

  it('refuses who is not in the room, and who lacks the level', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, {
      preset: 'public_chat',
      power_level_content_override: { events: { 'm.room.message': 10 } },
    })
    const send = () => bob.request('PUT', roomPath(roomId, 'send', 'm.room.message', '1'), { body: 'x' })
    refused(await send(), 403, 'M_FORBIDDEN')
    accepted(await join(bob, roomId))
    refused(await send(), 403, 'M_FORBIDDEN')
    accepted(await putState(alice, roomId, ['m.room.power_levels'], { users: { [bob.userId]: 10 } }))
    accepted(await send())
  })

  it('refuses member and create events that are no state', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    for (const type of ['m.room.member', 'm.room.create']) {
      const reply = await alice.request('PUT', roomPath(roomId, 'send', type, '1'), { membership: 'join' })
      refused(reply, 403, 'M_FORBIDDEN')
    }
  })

  it('T11 measures events and their parts in bytes', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const send = (type: string, content: object, txnId = '1') =>
      alice.request('PUT', roomPath(roomId, 'send', type, txnId), content)
    refused(await send('m.room.message', { body: 'x'.repeat(65_536) }), 413, 'M_TOO_LARGE')
    refused(await send('m.room.message', { body: '€'.repeat(22_000) }), 413, 'M_TOO_LARGE')
    refused(await send('€'.repeat(100), {}), 413, 'M_TOO_LARGE')
    refused(await putState(alice, roomId, ['org.example', '€'.repeat(86)], {}), 413, 'M_TOO_LARGE')
    accepted(await send('€'.repeat(85), { body: 'x'.repeat(60_000) }))
    accepted(await putState(alice, roomId, ['org.example', '€'.repeat(85)], {}))
  })

  it('answers parameters of a thousand letters with a refusal', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const long = 'x'.repeat(1000)
    refused(await alice.request('PUT', roomPath(roomId, 'send', 'm.room.message', long), {}), 400, 'M_INVALID_PARAM')
    refused(await alice.request('PUT', roomPath(roomId, 'send', long, '1'), {}), 413, 'M_TOO_LARGE')
    refused(await alice.request('PUT', roomPath(`!${long}`, 'send', 'x', '1'), {}), 403, 'M_FORBIDDEN')
    refused(await alice.request('PUT', roomPath(roomId, 'redact', `$${long}`, '1'), {}), 404, 'M_NOT_FOUND')
    refused(await putState(alice, roomId, [long], {}), 413, 'M_TOO_LARGE')
  })

  it('takes in events that relate to what no event is called', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    // 16 kB that no database can press into the row of an index.
    const long = createHash('shake256', { outputLength: 12_000 }).update('long').digest('base64')
    for (const [index, odd] of [long, `$${long}`, '$\0x'].entries()) {
      const relations = [
        { event_id: odd, rel_type: 'm.thread' },
        { event_id: '$x', rel_type: odd },
        { event_id: odd, rel_type: 'm.annotation', key: odd.slice(0, 100) },
      ]
      for (const [place, relation] of relations.entries()) {
        const path = roomPath(roomId, 'send', 'm.room.message', `${index}.${place}`)
        accepted(await alice.request('PUT', path, { 'm.relates_to': relation }))
      }
    }
  })

  it('refuses what canonical JSON cannot hold', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const path = roomPath(roomId, 'send', 'm.room.message', '1')
    for (const body of ['{"n":1.5}', '{"n":9007199254740992}', '{"a":1,"a":2}', '[]', '{'])
      assert.equal((await alice.request('PUT', path, body)).status, 400, body)
  })
})
