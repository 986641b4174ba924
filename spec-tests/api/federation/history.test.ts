import assert from 'node:assert/strict'
import type { JsonObject } from '#protocol/events/event.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import { FarServer } from '../../support/federation/far-server.ts'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { message } from '../../support/generators/acts.ts'
import { createRoom, leave, redact, roomPath, sendText } from '../../support/rooms/rooms.ts'
import { checkRoom } from '../../support/rooms/room-check.ts'
import { accepted, type TestUser } from '../../support/server/client.ts'
import { joined, sync } from '../../support/server/sync.ts'

type Setting = { federation: Federation; alice: TestUser; bob: TestUser } & AsyncDisposable

async function setUp(more: string[] = []): Promise<Setting> {
  const federation = await startFederation(['a.test', 'b.test', ...more])
  const [alice, bob] = [await federation.servers[0]!.register('alice'), await federation.servers[1]!.register('bob')]
  return { federation, alice, bob, [Symbol.asyncDispose]: () => federation[Symbol.asyncDispose]() }
}

const joinVia = async (user: TestUser, roomId: RoomId, server = 'a.test') =>
  accepted(
    await user.request(
      'POST',
      `/_matrix/client/v3/join/${encodeURIComponent(roomId)}?server_name=${server}&via=${server}`,
      {},
    ),
  )

const say = async (user: TestUser, roomId: RoomId, count: number): Promise<EventId[]> => {
  const ids: EventId[] = []
  for (let index = 0; index < count; index++) ids.push(await sendText(user, roomId, `message ${index}`))
  return ids
}

/** Pages back to the beginning; the events newest first, and how many pages there were. */
async function pageBack(user: TestUser, roomId: RoomId, limit: number, from?: string) {
  const events: { event_id: EventId; type: string; content: JsonObject }[] = []
  let pages = 0
  for (let token = from; pages < 50; pages++) {
    const path = roomPath(roomId, 'messages')
    const page = accepted(
      await user.request('GET', `${path}?dir=b&limit=${limit}${token === undefined ? '' : `&from=${token}`}`),
    )
    events.push(...page.chunk)
    token = page.end
    if (token === undefined) return { events, pages }
  }
  throw new Error('There is no end')
}

const messagesIn = (events: readonly { event_id: EventId; type: string }[]): EventId[] =>
  events.flatMap(({ type, event_id: id }) => (type === 'm.room.message' ? id : [])).toReversed()

describe('history of rooms on other servers', function () {
  this.timeout(60_000)

  for (const [count, limit] of [
    [20, 10],
    [150, 200],
  ] as const)
    it(`is fetched when a reader comes to where ours begins: ${count} messages, ${limit} a page`, async () => {
      await using setting = await setUp()
      const { alice, bob, federation } = setting
      const roomId = await createRoom(alice, { preset: 'public_chat' })
      const sent = await say(alice, roomId, count)
      await joinVia(bob, roomId)
      await federation.settle()
      const { events } = await pageBack(bob, roomId, limit)
      assert.deepEqual(messagesIn(events), sent)
      const all = (await pageBack(alice, roomId, 100)).events
      assert.deepEqual(
        events.map(({ event_id: id }) => id),
        all.map(({ event_id: id }) => id),
      )
      assert.deepEqual(await checkRoom(federation.servers[1]!.context, roomId), [])
    })

  it('closes the gap between two stays, in its place', async () => {
    await using setting = await setUp()
    const { alice, bob, federation } = setting
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    await joinVia(bob, roomId)
    const before = await sendText(bob, roomId, 'before')
    accepted(await leave(bob, roomId))
    await federation.settle()
    const sent = await say(alice, roomId, 20)
    // Of two memberships of one moment either might win where branches meet.
    await federation.clock.advance(1000)
    await joinVia(bob, roomId)
    const { events } = await pageBack(bob, roomId, 10)
    assert.deepEqual(messagesIn(events), [before, ...sent])
    const all = (await pageBack(alice, roomId, 100)).events.map(({ event_id: id }) => id)
    assert.deepEqual(
      events.map(({ event_id: id }) => id),
      all,
    )
  })

  it('is where a timeline of /sync ends, to be paged from there', async () => {
    await using setting = await setUp()
    const { alice, bob, federation } = setting
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const sent = await say(alice, roomId, 5)
    await joinVia(bob, roomId)
    await federation.settle()
    const { timeline } = joined(await sync(bob), roomId)
    assert.deepEqual([timeline.events.map(({ type }) => type), timeline.limited], [['m.room.member'], true])
    assert.deepEqual(messagesIn((await pageBack(bob, roomId, 100, timeline.prev_batch)).events), sent)
    const whole = joined(await sync(bob, { full_state: 'true' }), roomId).timeline
    assert.equal(whole.events.filter(({ type }) => type === 'm.room.message').length, 5)
  })

  it('is not told to clients that sync: it is older than what they have', async () => {
    await using setting = await setUp()
    const { alice, bob, federation } = setting
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    await say(alice, roomId, 20)
    await joinVia(bob, roomId)
    await federation.settle()
    const { next_batch: since } = await sync(bob)
    await pageBack(bob, roomId, 10)
    const after = await sync(bob, { since })
    assert.equal(after.rooms.join?.[roomId], undefined)
  })

  it('keeps redactions, whatever comes first', async () => {
    await using setting = await setUp()
    const { alice, bob, federation } = setting
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const [first, second] = await say(alice, roomId, 2)
    accepted(await redact(alice, roomId, first!))
    await joinVia(bob, roomId)
    await federation.settle()
    const { events } = await pageBack(bob, roomId, 1)
    const contentOf = (id: EventId) => events.find((event) => event.event_id === id)?.content
    assert.deepEqual(contentOf(first!), {})
    assert.equal(contentOf(second!)?.body, 'message 1')
  })

  it('is fetched from another server where the first does not answer', async () => {
    await using setting = await setUp(['c.test'])
    const { alice, bob, federation } = setting
    const carol = await federation.servers[2]!.register('carol')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const sent = await say(alice, roomId, 5)
    await joinVia(carol, roomId)
    await pageBack(carol, roomId, 100)
    await joinVia(bob, roomId)
    await federation.settle()
    federation.network.cut('a.test', 'b.test')
    assert.deepEqual(messagesIn((await pageBack(bob, roomId, 100)).events), sent)
  })

  it('is passed over where no server answers, and asked for again after a minute', async () => {
    await using setting = await setUp()
    const { alice, bob, federation } = setting
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const sent = await say(alice, roomId, 5)
    await joinVia(bob, roomId)
    federation.network.cut('a.test', 'b.test')
    assert.deepEqual(messagesIn((await pageBack(bob, roomId, 100)).events), [])
    federation.network.heal('a.test', 'b.test')
    assert.deepEqual(messagesIn((await pageBack(bob, roomId, 100)).events), [])
    await federation.clock.advance(3_600_000)
    assert.deepEqual(messagesIn((await pageBack(bob, roomId, 100)).events), sent)
  })

  it('hides from who joined what was said before, where the room says so', async () => {
    await using setting = await setUp()
    const { alice, bob } = setting
    const content = { history_visibility: 'joined' }
    const roomId = await createRoom(alice, {
      preset: 'public_chat',
      initial_state: [{ type: 'm.room.history_visibility', state_key: '', content }],
    })
    await say(alice, roomId, 5)
    await joinVia(bob, roomId)
    assert.deepEqual(messagesIn((await pageBack(bob, roomId, 100)).events), [])
  })

  it('is found by its time, and paged from there', async () => {
    await using setting = await setUp()
    const { alice, bob, federation } = setting
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    await federation.clock.advance(1000)
    const first = await sendText(alice, roomId, 'first')
    await federation.clock.advance(1000)
    const second = await sendText(alice, roomId, 'second')
    const then = federation.clock.now()
    await federation.clock.advance(1000)
    await joinVia(bob, roomId)
    const at = (ts: number, dir: string) =>
      bob.request(
        'GET',
        `/_matrix/client/v1/rooms/${encodeURIComponent(roomId)}/timestamp_to_event?ts=${ts}&dir=${dir}`,
      )
    assert.equal(accepted(await at(then, 'b')).event_id, second)
    assert.equal(accepted(await at(then - 1500, 'f')).event_id, first)
    const around = accepted(await bob.request('GET', `${roomPath(roomId, 'context', second)}?limit=0`))
    const page = accepted(
      await bob.request('GET', `${roomPath(roomId, 'messages')}?dir=b&limit=100&from=${around.start}`),
    )
    assert.deepEqual(messagesIn(page.chunk), [first])
  })

  it('is found by its time also where it was sent before the room was made, and where times are the same', async () => {
    await using setting = await setUp()
    const { alice, bob, federation } = setting
    const [a] = federation.servers
    const far = new FarServer(federation, 'c.test')
    const before = federation.clock.now()
    await federation.clock.advance(1000)
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    await far.join(a!, roomId, '@carol:c.test')
    const imported = await far.make(a!, roomId, message('@carol:c.test'), { sentAt: before - 86_400_000 })
    assert.deepEqual((await far.send(a!, [imported.pdu])).results, { [imported.id]: {} })
    await federation.clock.advance(1000)
    const [first, second] = await say(alice, roomId, 2)
    const then = federation.clock.now()
    const at = async (user: TestUser, ts: number, dir: string) => {
      const path = `/_matrix/client/v1/rooms/${encodeURIComponent(roomId)}/timestamp_to_event`
      return accepted(await user.request('GET', `${path}?ts=${ts}&dir=${dir}`)).event_id
    }
    assert.deepEqual([await at(alice, then, 'f'), await at(alice, then, 'b')], [first, second])
    await joinVia(bob, roomId)
    assert.equal(await at(bob, then, 'f'), first)
    assert.equal(await at(bob, before, 'b'), imported.id)
  })
})
