import assert from 'node:assert/strict'
import { accepted, type TestUser } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { joined, sync, type SyncedRoom, type SyncEvent, type SyncQuery } from '../../../support/server/sync.ts'
import { readRoom } from '../../../support/rooms/room-reads.ts'
import { act, createRoom, join, leave, putState, sendEvent, sendText } from '../../../support/rooms/rooms.ts'

type State = Record<string, string>

const keyOf = ({ type, state_key }: SyncEvent): string => `${type}|${state_key}`

/** What a client knows that applies `state` and then the timeline as sent. */
function applied({ state, timeline }: Pick<SyncedRoom, 'state' | 'timeline'>, known: State = {}): State {
  const told = [...state.events, ...timeline.events.filter(({ state_key }) => state_key !== undefined)]
  return { ...known, ...Object.fromEntries(told.map((event) => [keyOf(event), event.event_id])) }
}

async function stateNow(user: TestUser, roomId: string): Promise<State> {
  const events = accepted(await readRoom(user, [roomId, 'state'])) as SyncEvent[]
  return Object.fromEntries(events.map((event) => [keyOf(event), event.event_id]))
}

/** Follows one room with a filter: what the client knows after each sync. */
function follower(user: TestUser, roomId: string, query: SyncQuery = {}) {
  let since: string | undefined
  let known: State = {}
  return async () => {
    const answer = await sync(user, { ...query, ...(since !== undefined && { since }) })
    since = answer.next_batch
    const room = answer.rooms.join?.[roomId]
    if (room) known = applied(room, known)
    return { known, room }
  }
}

const membersIn = (events: readonly SyncEvent[]) =>
  Object.fromEntries(
    events
      .filter(({ type }) => type === 'm.room.member')
      .map(({ state_key, content }) => [state_key, [content['membership'], content['displayname']]]),
  )

describe('GET /sync around holes in the timeline', () => {
  for (const visibility of ['invited', 'joined'])
    it(`N01 tells a newcomer the whole state of a room with ${visibility} history`, async () => {
      await using server = await startTestServer()
      const [alice, bob, carol] = [
        await server.register('alice'),
        await server.register('bob'),
        await server.register('carol'),
      ]
      const roomId = await createRoom(alice, { preset: 'private_chat' })
      accepted(await putState(alice, roomId, ['m.room.history_visibility'], { history_visibility: visibility }))
      accepted(await putState(alice, roomId, ['m.room.name'], { name: 'Den' }))
      accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'secrets' }))
      accepted(await putState(alice, roomId, ['m.room.encryption'], { algorithm: 'm.megolm.v1.aes-sha2' }))
      accepted(await act(alice, 'invite', roomId, carol.userId))
      accepted(await join(carol, roomId))
      const { next_batch: since } = await sync(bob)
      accepted(await act(alice, 'invite', roomId, bob.userId))
      accepted(await join(bob, roomId))
      for (const query of [{ since }, {}, { filter: { room: { timeline: { limit: 1 } } } }]) {
        const room = joined(await sync(bob, query), roomId)
        assert.deepEqual(applied(room), await stateNow(bob, roomId))
        assert.ok(!room.timeline.events.some(({ type }) => type === 'm.room.encryption'))
      }
    })

  it('N01 puts into state what the filter of the timeline hides, the own join too', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat', name: 'One' })
    accepted(await join(bob, roomId))
    const filter = { room: { timeline: { types: ['m.room.message'], limit: 2 } } }
    const follow = follower(bob, roomId, { filter })
    assert.deepEqual((await follow()).known, await stateNow(bob, roomId))
    await sendText(alice, roomId, 'one')
    accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'between messages' }))
    await sendText(alice, roomId, 'two')
    accepted(await putState(alice, roomId, ['m.room.name'], { name: 'after messages' }))
    assert.deepEqual((await follow()).known, await stateNow(bob, roomId))
  })

  it('N01 sends no timeline up to an event whose place a hidden one has taken', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const levels = { power_level_content_override: { events: { 'm.room.topic': 0 } } }
    const roomId = await createRoom(alice, { preset: 'public_chat', room_version: '11', ...levels })
    accepted(await join(bob, roomId))
    const filter = { room: { timeline: { not_senders: [bob.userId] } } }
    const follow = follower(alice, roomId, { filter })
    await follow()
    await sendText(alice, roomId, 'before')
    accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'older' }))
    accepted(await putState(bob, roomId, ['m.room.topic'], { topic: 'newer' }))
    await sendText(alice, roomId, 'after')
    const { known, room } = await follow()
    assert.deepEqual(known, await stateNow(alice, roomId))
    assert.deepEqual(
      [room?.timeline.limited, room?.timeline.events.map(({ content }) => content['body'])],
      [true, ['after']],
    )
    const query = {
      from: room?.timeline.prev_batch ?? '',
      dir: 'b',
      limit: 2,
      filter: JSON.stringify(filter.room.timeline),
    }
    const earlier = accepted(await readRoom(alice, [roomId, 'messages'], query)).chunk
    assert.deepEqual(
      earlier.map(({ content }: SyncEvent) => content['topic'] ?? content['body']),
      ['older', 'before'],
    )
  })

  for (const lazy_load_members of [false, true])
    it(`N02 tells every change of a membership in a gap, ${lazy_load_members ? 'lazily too' : 'not lazily'}`, async () => {
      await using server = await startTestServer()
      const names = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank']
      const [alice, bob, carol, dave, erin, frank] = (await Promise.all(names.map((name) => server.register(name)))) as [
        TestUser, TestUser, TestUser, TestUser, TestUser, TestUser,
      ] // prettier-ignore
      const roomId = await createRoom(alice, { preset: 'public_chat', name: 'Named' })
      for (const user of [bob, carol, dave]) accepted(await join(user, roomId))
      for (const text of ['one', 'two', 'three']) await sendText(alice, roomId, text)
      const filter = { room: { state: { lazy_load_members }, timeline: { limit: 2 } } }
      const { next_batch: since } = await sync(bob, { filter })
      accepted(await leave(dave, roomId))
      accepted(await join(frank, roomId))
      accepted(await leave(frank, roomId))
      accepted(await act(alice, 'invite', roomId, erin.userId))
      const renamed = { membership: 'join', displayname: 'Caroline' }
      accepted(await putState(carol, roomId, ['m.room.member', carol.userId], renamed))
      for (const text of ['four', 'five', 'six', 'seven']) await sendText(alice, roomId, text)
      for (const isCold of [false, true]) {
        if (isCold) await server.context.rooms.drop(roomId as never)
        const room = joined(await sync(bob, { since, filter }), roomId)
        assert.equal(room.timeline.limited, true)
        const told = membersIn(room.state.events)
        assert.deepEqual(
          [dave, frank, erin, carol].map(({ userId }) => told[userId]?.[0]),
          ['leave', 'leave', 'invite', 'join'],
        )
        assert.equal(told[carol.userId]?.[1], 'Caroline')
      }
    })

  it('N03 tells the state of a room that was joined and left between two syncs', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat', name: 'Short', topic: 'stay' })
    for (let number = 0; number < 12; number++) await sendText(alice, roomId, `${number}`)
    const { next_batch: since } = await sync(bob)
    accepted(await join(bob, roomId))
    const expected = await stateNow(bob, roomId)
    accepted(await leave(bob, roomId))
    accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'later' }))
    for (const lazy_load_members of [false, true]) {
      const filter = { room: { state: { lazy_load_members }, timeline: { limit: 5 } } }
      const room = (await sync(bob, { since, filter })).rooms.leave?.[roomId]
      assert.ok(room)
      const { [`m.room.member|${bob.userId}`]: own, ...others } = applied(room)
      assert.equal(own, room.timeline.events.at(-1)?.event_id)
      const keys = Object.keys(expected).filter((key) => key !== `m.room.member|${bob.userId}`)
      for (const key of keys)
        if (!lazy_load_members || !key.startsWith('m.room.member')) assert.equal(others[key], expected[key])
    }
  })

  it('reads no event and no state for a member who follows: memory has it all', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const power_level_content_override = { events: { 'm.room.topic': 0 } }
    const roomId = await createRoom(alice, { preset: 'public_chat', name: 'Busy', power_level_content_override })
    accepted(await join(bob, roomId))
    const root = await sendText(bob, roomId, 'root')
    const filter = { room: { state: { lazy_load_members: true }, timeline: { limit: 20 } } }
    const { next_batch: first } = await sync(alice, { filter })
    await sendText(bob, roomId, 'seen')
    const { next_batch: since } = await sync(alice, { filter, since: first })
    await sendEvent(bob, roomId, [
      'm.room.message',
      { body: 'x', 'm.relates_to': { rel_type: 'm.thread', event_id: root } },
    ])
    accepted(await putState(bob, roomId, ['m.room.topic'], { topic: 'new' }))
    const { rooms } = server.context.store
    for (const module of [rooms.events, rooms.state, rooms.relations])
      for (const name of Object.keys(module)) Object.assign(module, { [name]: () => assert.fail(`${name} was read`) })
    const room = joined(await sync(alice, { filter, since }), roomId)
    assert.deepEqual(
      room.timeline.events.map(({ type }) => type),
      ['m.room.message', 'm.room.topic'],
    )
    assert.equal(room.unread_notifications.notification_count, 3)
  })
})
