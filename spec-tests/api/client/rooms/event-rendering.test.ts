import assert from 'node:assert/strict'
import { createRoom, join, leave, putState, sendText } from '../../../support/rooms/rooms.ts'
import { accepted } from '../../../support/server/client.ts'
import { readAllMessages, readRoom } from '../../../support/rooms/room-reads.ts'
import { startTestServer } from '../../../support/server/server.ts'

describe('the unsigned part of an event', () => {
  it('tells the age of the event', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const eventId = await sendText(alice, roomId, 'text')
    await server.clock.advance(1234)

    assert.equal(accepted(await readRoom(alice, [roomId, 'event', eventId])).unsigned.age, 1234)
  })

  it('tells only the device that sent the event its transaction id, everywhere', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const otherDevice = await server.login('alice')
    const bob = await server.register('bob')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    const eventId = await sendText(alice, roomId, 'text', 'my transaction')

    for (const [user, expected] of [
      [alice, 'my transaction'],
      [otherDevice, undefined],
      [bob, undefined],
    ] as const) {
      const event = accepted(await readRoom(user, [roomId, 'event', eventId]))
      const around = accepted(await readRoom(user, [roomId, 'context', eventId]))
      const [newest] = await readAllMessages(user, roomId)
      for (const { unsigned } of [event, around.event, newest]) assert.equal(unsigned.transaction_id, expected)
    }
  })

  it('tells what a state event replaced', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const first = accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'first' })).event_id
    const second = accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'second' })).event_id

    for (const cold of [false, true]) {
      if (cold) await server.context.rooms.drop(roomId)
      const { unsigned: none } = accepted(await readRoom(alice, [roomId, 'event', first]))
      const { unsigned: replaced } = accepted(await readRoom(alice, [roomId, 'event', second]))
      assert.deepEqual([none.replaces_state, none.prev_content], [undefined, undefined])
      assert.deepEqual([replaced.replaces_state, replaced.prev_content], [first, { topic: 'first' }])
      assert.equal(replaced.prev_sender, alice.userId)
    }
  })

  it('T33 names what a state event replaced, without its content, to those who may not see it', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const hidden = { type: 'm.room.history_visibility', content: { history_visibility: 'joined' } }
    const roomId = await createRoom(alice, { preset: 'public_chat', initial_state: [hidden] })
    const first = accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'hidden' })).event_id
    accepted(await join(bob, roomId))
    const second = accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'shown' })).event_id

    for (const cold of [false, true]) {
      if (cold) await server.context.rooms.drop(roomId)
      const { unsigned } = accepted(await readRoom(bob, [roomId, 'event', second]))
      assert.deepEqual([unsigned.replaces_state, unsigned.prev_content], [first, undefined])
    }
  })

  it("tells the reader's membership at the event, under both names", async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    await sendText(alice, roomId, 'before')
    accepted(await join(bob, roomId))
    await sendText(alice, roomId, 'in')
    accepted(await leave(bob, roomId))
    await sendText(alice, roomId, 'away')
    accepted(await join(bob, roomId))

    for (const cold of [false, true]) {
      if (cold) await server.context.rooms.drop(roomId)
      const events = await readAllMessages(bob, roomId)
      const memberships = Object.fromEntries(
        events.flatMap(({ content, unsigned }) => (content.body ? [[content.body, unsigned.membership]] : [])),
      )
      assert.deepEqual(memberships, { before: 'leave', in: 'join', away: 'leave' })
      for (const { unsigned } of events) assert.equal(unsigned['io.element.msc4115.membership'], unsigned.membership)
    }
  })

  it('is made by the server: what a client puts there reaches nobody', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const content = { msgtype: 'm.text', body: '"}],"unsigned":{"age":1}', '"},"event_id': '$forged' }
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/m.room.message/${encodeURIComponent('"}')}`
    const { event_id } = accepted(await alice.request('PUT', path, content))

    const event = accepted(await readRoom(alice, [roomId, 'event', event_id]))

    assert.deepEqual(event.content, content)
    assert.equal(event.event_id, event_id)
    assert.equal(event.unsigned.transaction_id, '"}')
  })
})
