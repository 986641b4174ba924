import assert from 'node:assert/strict'
import { prevEventIds } from '#protocol/events/event.ts'
import type { RoomId } from '#protocol/ids.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import { appendEvent, type Appended } from '#services/rooms/write/append.ts'
import type { RoomWrite } from '#store/rooms/room-write.ts'
import { checkRoom } from '../../support/rooms/room-check.ts'
import { createRoom, eventsOf, putState, sendText } from '../../support/rooms/rooms.ts'
import { startTestServer, type TestServer } from '../../support/server/server.ts'

/** The writes that reached the event writer while the first of them was under way, and go into one batch. */
function countWrites({ context: { store } }: TestServer): RoomWrite[] {
  const writes: RoomWrite[] = []
  const { write } = store.eventWriter
  store.eventWriter.write = (events, apply) => {
    writes.push(events)
    return write(events, apply)
  }
  return writes
}

async function pdus(server: TestServer, roomId: RoomId, appended: readonly Appended[]) {
  const room = await server.context.rooms.get(roomId)
  const events = await server.context.store.rooms.events.findMany(appended.map(({ eventId }) => eventId))
  const byId = new Map(events.map((event) => [event.eventId, storedPdu(event, room)]))
  return appended.map(({ eventId }) => byId.get(eventId)!)
}

describe('the event writer, with a bad write among good ones', () => {
  it('writes the good ones, fails the bad one alone, and what was built on it is built anew', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomIds = [await createRoom(alice), await createRoom(alice), await createRoom(alice)] as RoomId[]
    const [busy, spoiled, other] = roomIds as [RoomId, RoomId, RoomId]
    const { userId: sender, deviceId } = alice
    const text = (body: string) => ({ type: 'm.room.message', sender, content: { body, msgtype: 'm.text' } })
    const transaction = { userId: sender, deviceId, scope: 'room', transactionId: 'taken' } as const
    const ctx = server.context
    await appendEvent(ctx, spoiled, { ...text('first'), transaction })

    const writes = countWrites(server)
    const sending = [
      appendEvent(ctx, busy, text('keeps the writer busy')),
      appendEvent(ctx, other, text('before')),
      appendEvent(ctx, spoiled, text('good')),
      // The store has the transaction already, which only a faster process could bring about.
      appendEvent(ctx, spoiled, { ...text('bad'), transaction }),
      appendEvent(ctx, spoiled, text('follower')),
      appendEvent(ctx, spoiled, {
        type: 'm.room.topic',
        stateKey: '',
        sender,
        content: { topic: 'built on the bad one' },
      }),
      appendEvent(ctx, other, text('after')),
    ]
    const results = await Promise.allSettled(sending)

    assert.deepEqual(results.map(({ status }) => status), ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled']) // prettier-ignore
    // Two that were built on the bad one came again.
    assert.equal(writes.length, sending.length + 2)
    const kept = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    const [, , good, follower, topic] = kept
    const chain = [good!, follower!, topic!].toSorted((a, b) => a.position - b.position)
    const [one, two, three] = await pdus(server, spoiled, chain)
    const { version, recent } = await ctx.rooms.get(spoiled)
    assert.deepEqual(prevEventIds(two!, version), [chain[0]!.eventId])
    assert.deepEqual(prevEventIds(three!, version), [chain[1]!.eventId])
    assert.equal(two!.depth, one!.depth + 1)
    assert.equal(three!.depth, one!.depth + 2)
    for (const roomId of roomIds) assert.deepEqual(await checkRoom(ctx, roomId), [])

    // Memory holds what the disk holds, and the room takes more.
    const stored = await eventsOf(server, spoiled)
    assert.ok(!stored.some(({ content }) => content.body === 'bad'))
    const shown = recent.map(({ eventId }) => eventId)
    assert.ok(shown.includes(chain[2]!.eventId))
    assert.deepEqual(shown, stored.map(({ eventId }) => eventId).slice(stored.length - shown.length)) // prettier-ignore
    await putState(alice, spoiled, ['m.room.name'], { name: 'goes on' })
    await sendText(alice, spoiled, 'goes on')
    assert.deepEqual(await checkRoom(ctx, spoiled), [])
  })
})
