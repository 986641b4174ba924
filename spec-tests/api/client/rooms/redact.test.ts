import assert from 'node:assert/strict'
import { accepted, refused, type TestUser } from '../../../support/server/client.ts'
import { createRoom, eventsOf, join, leave, putState, roomPath, sendText } from '../../../support/rooms/rooms.ts'
import { startTestServer } from '../../../support/server/server.ts'

const redact = (user: TestUser, roomId: string, eventId: string, txnId = '1') =>
  user.request('PUT', roomPath(roomId, 'redact', eventId, txnId), { reason: 'sorry' })

describe('redacting events', () => {
  for (const version of ['1', '2', '3', '10', '11', '12'])
    it(`empties an event of room version ${version}, by either way`, async () => {
      await using server = await startTestServer()
      const alice = await server.register('alice')
      const roomId = await createRoom(alice, { room_version: version })
      const [one, two] = [await sendText(alice, roomId, 'one'), await sendText(alice, roomId, 'two')]
      const first = accepted(await redact(alice, roomId, one)).event_id
      const sent = roomPath(roomId, 'send', 'm.room.redaction', 'x')
      const second = accepted(await alice.request('PUT', sent, { redacts: two, reason: 'sorry' })).event_id
      for (const [target, redaction] of [
        [one, first],
        [two, second],
      ]) {
        const event = await server.context.store.rooms.events.find(target)
        assert.deepEqual(JSON.parse(event!.clientJson).content, {})
        assert.equal(event!.redactedBy, redaction)
        const { redacts, content } = JSON.parse((await server.context.store.rooms.events.find(redaction))!.clientJson)
        const expected =
          Number(version) < 11 ? [target, { reason: 'sorry' }] : [undefined, { reason: 'sorry', redacts: target }]
        assert.deepEqual([redacts, content], expected)
      }
    })

  it('is for the author and for who has the level', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    const [hers, his] = [await sendText(alice, roomId, 'hers'), await sendText(bob, roomId, 'his')]
    refused(await redact(bob, roomId, hers), 403, 'M_FORBIDDEN')
    accepted(await redact(alice, roomId, his))
    accepted(await redact(bob, roomId, await sendText(bob, roomId, 'again')))
    accepted(await putState(alice, roomId, ['m.room.power_levels'], { users: { [bob.userId]: 50 } }))
    accepted(await redact(bob, roomId, hers))
    accepted(await leave(bob, roomId))
    refused(await redact(bob, roomId, hers, '2'), 403, 'M_FORBIDDEN')
  })

  it('knows no events but those of the room', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const [one, two] = [await createRoom(alice), await createRoom(alice)]
    const eventId = await sendText(alice, two, 'elsewhere')
    refused(await redact(alice, one, eventId), 404, 'M_NOT_FOUND')
    refused(await redact(alice, one, '$nothing'), 404, 'M_NOT_FOUND')
    refused(await redact(alice, one, 'nothing'), 404, 'M_NOT_FOUND')
    const path = roomPath(one, 'send', 'm.room.redaction', '1')
    refused(await alice.request('PUT', path, { redacts: eventId }), 404, 'M_NOT_FOUND')
    refused(await alice.request('PUT', path, {}), 400, 'M_BAD_JSON')
    for (const redacts of ['$\0', `$${'x'.repeat(300)}`, ''])
      refused(await alice.request('PUT', path, { redacts }), 404, 'M_NOT_FOUND')
  })

  it('happens once for one transaction id', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const eventId = await sendText(alice, roomId, 'x')
    const replies = await Promise.all(Array.from({ length: 10 }, () => redact(alice, roomId, eventId)))
    assert.equal(new Set(replies.map((reply) => accepted(reply).event_id)).size, 1)
    assert.equal((await eventsOf(server, roomId)).filter(({ type }) => type === 'm.room.redaction').length, 1)
  })
})
