import assert from 'node:assert/strict'
import { openStore } from '#store/open.ts'
import type { RoomId } from '#protocol/ids.ts'
import { accepted, type TestUser } from '../../support/server/client.ts'
import { countingStore } from '../../support/server/counting-store.ts'
import { createTestDatabase } from '../../support/server/databases.ts'
import { startTestServer, type TestServer } from '../../support/server/server.ts'
import { joined, sync, type Synced } from '../../support/server/sync.ts'
import { createRoom, join, leave, putState, roomPath, sendText } from '../../support/rooms/rooms.ts'

type Counting = { server: TestServer; names: string[]; alice: TestUser; bob: TestUser }

const filter = { room: { timeline: { limit: 3 }, state: { lazy_load_members: true } } }
const client = '/_matrix/client/v3'

/** A server over a store that counts; small caches where asked for. */
async function counting(work: (house: Counting) => Promise<void>, cacheBytes?: number): Promise<void> {
  const database = await createTestDatabase()
  const opened = await openStore({ url: database.url, poolSize: 4, now: () => 0 })
  const { store, names } = countingStore(opened)
  try {
    const settings = cacheBytes === undefined ? {} : { memory: { cache_bytes: cacheBytes } }
    await using server = await startTestServer({ store, settings })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    await work({ server, names, alice, bob })
  } finally {
    await database.remove()
  }
}

/** Rooms of Bob's with Alice in them, each with some talk, an edit, a thread and replaced state. */
async function makeRooms({ alice, bob }: Pick<Counting, 'alice' | 'bob'>, count: number): Promise<RoomId[]> {
  const roomIds: RoomId[] = []
  for (let n = 0; n < count; n++) {
    const roomId = await createRoom(bob, { preset: 'public_chat', name: `Room ${n}` })
    roomIds.push(roomId)
    const root = await sendText(bob, roomId, 'before')
    accepted(await join(alice, roomId))
    const relation = { rel_type: 'm.thread', event_id: root }
    accepted(
      await bob.request('PUT', roomPath(roomId, 'send', 'm.room.message', 'reply'), {
        msgtype: 'm.text',
        body: 'reply',
        'm.relates_to': relation,
      }),
    )
    for (const topic of ['one', 'two']) accepted(await putState(bob, roomId, ['m.room.topic'], { topic }))
    await sendText(alice, roomId, 'own')
    await sendText(bob, roomId, 'last')
  }
  return roomIds
}

/** Of the work alone: what earlier writes cause in the background is done before. */
const callsOf = async ({ server, names }: Counting, work: () => Promise<unknown>): Promise<number> => {
  await server.settle()
  names.length = 0
  await work()
  return names.length
}

/** Without what differs between two answers of the same moment. */
const roomsOf = ({ rooms }: Synced): unknown => JSON.parse(JSON.stringify(rooms).replaceAll(/"age":\d+/g, '"age":0'))

describe('a user in many rooms', () => {
  it('N49 gets an initial answer with reads that do not grow with the rooms', () =>
    counting(async (house) => {
      const { server, alice } = house
      const forget = async (roomIds: RoomId[]) => {
        for (const roomId of roomIds) await server.context.rooms.drop(roomId)
      }
      const few = await makeRooms(house, 4)
      await forget(few)
      const ofFew = await callsOf(house, () => sync(alice, { filter }))
      const many = await makeRooms(house, 16)
      await forget([...few, ...many])
      const ofMany = await callsOf(house, () => sync(alice, { filter }))
      const again = await callsOf(house, () => sync(alice, { filter }))

      assert.ok(ofMany <= ofFew + 8, `${ofFew} reads for 4 rooms, ${ofMany} for 20`)
      assert.ok(again <= ofFew, `${again} reads with all rooms in memory`)
    }))

  it('N49 gets of many rooms at once what an answer of one room alone tells', () =>
    counting(async (house) => {
      const { alice } = house
      const roomIds = await makeRooms(house, 3)
      const together = await sync(alice, { filter })
      for (const roomId of roomIds) {
        const alone = await sync(alice, { filter: { room: { ...filter.room, rooms: [roomId] } } })
        assert.deepEqual(roomsOf(alone), { join: { [roomId]: (roomsOf(together) as Synced['rooms']).join?.[roomId] } })
      }
    }))

  it('N48 costs the same reads in few rooms and in many, with no news and with news in one', () =>
    counting(async (house) => {
      const { server, names, alice, bob } = house
      const measure = async (roomId: RoomId) => {
        // What is counted is what the request asks, not what followers of the events do besides.
        await server.settle()
        let { next_batch: since } = await sync(alice, { filter })
        ;({ next_batch: since } = await sync(alice, { filter, since }))
        const none = await callsOf(house, async () => ({ next_batch: since } = await sync(alice, { filter, since })))
        await sendText(bob, roomId, `news ${names.length} ${since}`)
        await server.settle()
        const one = await callsOf(house, async () => {
          const answer = await sync(alice, { filter, since })
          assert.deepEqual(Object.keys(answer.rooms.join ?? {}), [roomId])
        })
        return { none, one }
      }
      const [roomId] = (await makeRooms(house, 3)) as [RoomId]
      const inFew = await measure(roomId)
      await makeRooms(house, 12)
      assert.deepEqual(await measure(roomId), inFew)
    }))

  it('N48 hears of what moved from a token that the index knows nothing of, and after the index was dropped', () =>
    counting(async (house) => {
      const { server, alice, bob } = house
      const [one, other, third] = (await makeRooms(house, 3)) as [RoomId, RoomId, RoomId]
      const { next_batch: since } = await sync(alice, { filter })
      const eventId = await sendText(bob, one, 'news')
      accepted(await bob.request('POST', roomPath(other, 'receipt', 'm.read', await lastOf(bob, other)), {}))
      accepted(await alice.request('PUT', `${client}/user/${alice.userId}/rooms/${third}/account_data/m.test`, { n: 1 })) // prettier-ignore
      const warm = await sync(alice, { filter, since })
      server.context.accountRooms.drop(alice.userId)
      const elsewhere = since.replace(/_[^_.]+\.\d+$/, '_elsewhere.1')
      const cold = await sync(alice, { filter, since: elsewhere })

      assert.deepEqual(Object.keys(warm.rooms.join ?? {}).sort(), [one, other, third].sort())
      assert.deepEqual(roomsOf(cold), roomsOf(warm))
      assert.equal(joined(cold, one).timeline.events[0]?.event_id, eventId)
    }))

  it('N48 hears of joins, leaves and rooms forgotten, on each of two devices', () =>
    counting(async (house) => {
      const { server, alice, bob } = house
      const second = await server.login('alice')
      const [one, other] = (await makeRooms(house, 2)) as [RoomId, RoomId]
      const tokens = [(await sync(alice, { filter })).next_batch, (await sync(second, { filter })).next_batch] as const
      const third = await createRoom(bob, { preset: 'public_chat' })
      accepted(await join(alice, third))
      accepted(await leave(alice, one))
      accepted(await alice.request('POST', roomPath(one, 'forget'), {}))
      const next: string[] = []
      for (const [index, device] of [alice, second].entries()) {
        const { rooms, next_batch } = await sync(device, { filter, since: tokens[index] as string })
        assert.deepEqual(Object.keys(rooms.join ?? {}), [third])
        assert.deepEqual(Object.keys(rooms.leave ?? {}), [one])
        next.push(next_batch)
      }
      await sendText(bob, one, 'unheard')
      await sendText(bob, other, 'heard')
      for (const [index, device] of [alice, second].entries()) {
        const { rooms } = await sync(device, { filter, since: next[index] as string })
        assert.deepEqual(Object.keys(rooms.join ?? {}), [other])
        assert.deepEqual(rooms.leave ?? {}, {})
      }
      const everything = { room: { ...filter.room, include_leave: true } }
      assert.deepEqual((await sync(alice, { filter: everything })).rooms.leave ?? {}, {})
    }))

  it('N47 reads all rooms where memory holds few, in as many reads each time, and leaves busy ones in memory', () =>
    counting(async (house) => {
      const { server, alice, bob } = house
      const roomIds = await makeRooms(house, 12)
      for (const roomId of roomIds)
        for (let n = 0; n < 4; n++)
          accepted(await putState(bob, roomId, ['org.example.large', `${n}`], { text: 'x'.repeat(30_000) }))
      const whole = roomsOf(await sync(alice, { filter }))
      const counts: number[] = []
      for (let round = 0; round < 3; round++)
        counts.push(await callsOf(house, async () => assert.deepEqual(roomsOf(await sync(alice, { filter })), whole)))

      assert.ok(server.context.caches.bytes <= server.context.caches.limit)
      assert.ok(Math.max(...counts) <= Math.min(...counts) + 4, String(counts))
    }, 1_048_576))

  it('N23 takes rooms into memory where only the events of other rooms fill it', () =>
    counting(async (house) => {
      const { server, alice, bob } = house
      const { caches, rooms } = server.context
      const roomIds = await makeRooms(house, 12)
      for (const roomId of roomIds) await rooms.drop(roomId)
      const busy = await createRoom(bob)
      for (let n = 0; n < 30; n++) await sendText(bob, busy, `${n} ${'x'.repeat(50_000)}`, `large ${n}`)
      assert.ok(caches.bytes > caches.limit - 240_000, `${caches.bytes}`)
      assert.ok(roomIds.every((roomId) => !rooms.peek(roomId)))

      const cold = await callsOf(house, () => sync(alice, { filter }))
      assert.ok(roomIds.every((roomId) => rooms.peek(roomId)))
      assert.ok(caches.bytes <= caches.limit)
      assert.ok((await callsOf(house, () => sync(alice, { filter }))) < cold)
    }, 1_048_576))

  it('N50 sends a long answer while it is made, and tells in it what answers of one room each tell', () =>
    counting(async (house) => {
      const { alice, bob } = house
      const roomIds = await makeRooms(house, 3)
      // More than a page of rooms; those of other sections come in between.
      for (let n = 0; n < 55; n++) {
        const roomId = await createRoom(bob, { preset: 'public_chat', invite: n % 20 === 0 ? [alice.userId] : [] })
        roomIds.push(roomId)
        if (n % 20 !== 0) accepted(await join(alice, roomId))
        if (n % 20 === 1) accepted(await leave(alice, roomId))
        if (n % 10 === 3) await sendText(bob, roomId, 'x'.repeat(50_000))
      }
      const wanted = { room: { ...filter.room, include_leave: true } }
      const query = new URLSearchParams({ filter: JSON.stringify(wanted), timeout: '0' })
      const { headers, body } = await alice.request('GET', `${client}/sync?${query}`)
      const told = roomsOf(body as Synced) as Synced['rooms']
      const alone: Record<string, Record<string, unknown>> = {}
      for (const roomId of roomIds) {
        const one = await sync(alice, { filter: { room: { ...wanted.room, rooms: [roomId] } } })
        for (const [section, rooms] of Object.entries(roomsOf(one) as Synced['rooms']))
          alone[section] = { ...alone[section], ...rooms }
      }

      assert.equal(headers.get('content-length'), null)
      assert.deepEqual(Object.keys(told), ['join', 'invite', 'leave'])
      assert.deepEqual(told, alone)
    }))

  it('N23 leaves no more than the budget in memory after large messages in many rooms', () =>
    counting(async (house) => {
      const { server, alice, bob } = house
      const roomIds = await makeRooms(house, 6)
      for (const roomId of roomIds)
        for (let n = 0; n < 8; n++) {
          await sendText(bob, roomId, `${n} ${'x'.repeat(50_000)}`, `large ${n}`)
          assert.ok(server.context.caches.bytes <= server.context.caches.limit + 120_000)
        }
      await sync(alice, { filter })
      const { caches } = server.context
      assert.ok(caches.bytes <= caches.limit)
      assert.ok(caches.figures().some(({ name, evictions }) => name === 'room_events' && evictions > 0))
    }, 1_048_576))
})

/** The newest event of a room. */
async function lastOf(user: TestUser, roomId: RoomId): Promise<string> {
  const { body } = await user.request('GET', `${roomPath(roomId, 'messages')}?dir=b&limit=1`)
  return (body as { chunk: { event_id: string }[] }).chunk[0]?.event_id ?? ''
}
