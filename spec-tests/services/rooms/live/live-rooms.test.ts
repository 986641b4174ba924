import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { readLiveRooms } from '#services/rooms/live/read-live-rooms.ts'
import { LiveRooms } from '#services/rooms/live/live-rooms.ts'
import { LiveRoom } from '#services/rooms/live/live-room.ts'
import { stateAtPosition, wholeStateAt } from '#services/rooms/state/state-at-position.ts'
import { EventLoader } from '#services/rooms/events/event-loader.ts'
import { createRoom, join } from '../../../support/rooms/rooms.ts'
import { startTestServer } from '../../../support/server/server.ts'
import type { RoomId } from '#protocol/ids.ts'

const shapeOf = (room: LiveRoom | undefined) =>
  room && {
    heads: room.forwardExtremities,
    lastPosition: room.lastPosition,
    state: new Map([...room.state].map(([key, { pdu: _pdu, ...entry }]) => [key, entry])),
    members: room.members,
    joined: room.count('join'),
  }

describe('the lines of rooms', () => {
  it('are read for many rooms as for each of them, and as they were when they were made', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomIds = await Promise.all(
      Array.from({ length: 45 }, (_, n) => createRoom(alice, { preset: 'public_chat', name: `Room ${n}` })),
    )
    await join(bob, roomIds[44]!)
    const { store, rooms } = server.context
    const asked: RoomId[] = [...roomIds, '!unknown:test', roomIds[0]!]
    const together = await new LiveRooms(store, 'test').findAll(asked)
    const alone = new LiveRooms(store, 'test')
    for (const [index, roomId] of asked.entries()) {
      assert.deepEqual(shapeOf(together[index]), shapeOf(await alone.find(roomId)))
      assert.deepEqual(shapeOf(together[index]), shapeOf(await rooms.find(roomId)))
    }
    assert.equal(together[44]?.count('join'), 2)
    assert.equal(together[45], undefined)
  })

  it('know the state at every position, however much has changed since', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const { store } = server.context
    const room = `/_matrix/client/v3/rooms/${roomId}`
    for (const round of ['one', 'two'])
      for (let key = 0; key < 10; key++) await alice.request('PUT', `${room}/state/org.example.x/${key}`, { round })
    const line = await new LiveRooms(store, 'test').get(roomId)
    const idsOf = (events: readonly { eventId: string }[]) => events.map(({ eventId }) => eventId).toSorted()
    const nid = line.nid as number
    // Positions before the room's first are those of other rooms, and may be many.
    const page = { roomNid: nid, from: 1, direction: 'forwards', limit: 1 } as const
    const first = (await store.rooms.events.page(page))[0]?.position ?? 1
    for (let position = first; position <= line.lastPosition; position++) {
      const intervals = await store.rooms.check.spansAt(nid, position)
      const expected = idsOf(await store.rooms.events.atPositions(intervals.map(({ entry }) => entry)))
      const whole = await wholeStateAt({ store }, line, { position, isWanted: () => true })
      assert.deepEqual(idsOf(whole), expected)
      const loader = new EventLoader({ store })
      const known = await stateAtPosition({ store, loader }, line, { position, entries: line.state.values() })
      assert.deepEqual(idsOf(known), expected)
    }
    const one = await wholeStateAt({ store }, line, { position: line.lastPosition - 5, isWanted: ({ stateKey }) => stateKey === '9' }) // prettier-ignore
    assert.deepEqual(one.map(({ clientJson }) => (JSON.parse(clientJson) as { content: unknown }).content), [{ round: 'one' }]) // prettier-ignore
  })
  it('are read of one moment also where another process never stops writing', async () => {
    await using server = await startTestServer()
    const roomId = await createRoom(await server.register('alice'))
    const { store, rooms } = server.context
    let writes = 0
    const findMany = async (roomIds: readonly RoomId[]) =>
      (await store.rooms.rooms.findMany(roomIds)).map((room) => ({ ...room, revision: room.revision - ++writes }))
    const busy = { ...store, rooms: { ...store.rooms, rooms: { ...store.rooms.rooms, findMany } } }
    const line = (await readLiveRooms({ store: busy, serverName: 'test' }, [roomId])).get(roomId)
    assert.ok(writes > 2)
    assert.deepEqual(shapeOf(line), shapeOf(await rooms.find(roomId)))
  })

  it('stay in memory while somebody builds on them, however many come in between', async () => {
    await using server = await startTestServer({ settings: { memory: { cache_bytes: 1_048_576 } } })
    const alice = await server.register('alice')
    const [busy, idle] = [await createRoom(alice), await createRoom(alice)]
    const { rooms } = server.context
    const idleLine = await rooms.get(idle)
    const { version } = idleLine
    const start = {
      nid: 1,
      version,
      revision: 0,
      forwardExtremities: [],
      depth: 0,
      lastPosition: 0,
      serverName: 'test',
      isPlaceholder: false,
      purgedUpTo: 0,
    }

    await rooms.inTurn(busy, async () => {
      const room = await rooms.get(busy)
      for (let n = 0; n < 10_000; n++)
        rooms.add(new LiveRoom({ ...start, roomId: `!${n}:test`, entries: [], members: [] }))
      await setImmediate()

      assert.equal(await rooms.get(busy), room)
      assert.notEqual(await rooms.get(idle), idleLine)
    })
  })
})
