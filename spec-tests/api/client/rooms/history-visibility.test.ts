import assert from 'node:assert/strict'
import { accepted, refused, type TestUser } from '../../../support/server/client.ts'
import {
  act,
  createRoom,
  join,
  leave,
  putState,
  roomPath,
  sendRelated,
  sendText,
} from '../../../support/rooms/rooms.ts'
import { readAllMessages, readMessages, readRoom, readRoomV1, textsOf } from '../../../support/rooms/room-reads.ts'
import { startTestServer } from '../../../support/server/server.ts'

type Visibility = 'world_readable' | 'shared' | 'invited' | 'joined'
type Place = 'stranger' | 'invited' | 'joined' | 'left' | 'banned' | 'rejoined'

/** What was said when: before the invitation, between invitation and join, in the room, after leaving, back again. */
const everything = ['before', 'invited', 'joined', 'gone', 'back']

/** What of it each reader may see; undefined where the room itself is closed to them. */
const expected: Record<Visibility, Record<Place, string[] | undefined>> = {
  world_readable: {
    stranger: ['before', 'invited'],
    invited: ['before', 'invited'],
    joined: ['before', 'invited', 'joined'],
    left: ['before', 'invited', 'joined', 'gone'],
    banned: ['before', 'invited', 'joined', 'gone'],
    rejoined: everything,
  },
  shared: {
    stranger: undefined,
    invited: undefined,
    joined: ['before', 'invited', 'joined'],
    left: ['before', 'invited', 'joined'],
    banned: ['before', 'invited', 'joined'],
    rejoined: everything,
  },
  invited: {
    stranger: undefined,
    invited: undefined,
    joined: ['invited', 'joined'],
    left: ['invited', 'joined'],
    banned: ['invited', 'joined'],
    rejoined: ['invited', 'joined', 'back'],
  },
  joined: {
    stranger: undefined,
    invited: undefined,
    joined: ['joined'],
    left: ['joined'],
    banned: ['joined'],
    rejoined: ['joined', 'back'],
  },
}

const visibilityState = (history_visibility: Visibility) => ({
  type: 'm.room.history_visibility',
  content: { history_visibility },
})

/** Plays the whole story up to the place of the reader; answers the ids of what was said. */
async function story({ alice, bob }: { alice: TestUser; bob: TestUser }, visibility: Visibility, place: Place) {
  const roomId = await createRoom(alice, { initial_state: [visibilityState(visibility)] })
  const said = new Map<string, string>()
  const say = async (text: string) => void said.set(text, await sendText(alice, roomId, text))
  await say('before')
  if (place !== 'stranger') accepted(await act(alice, 'invite', roomId, bob.userId))
  await say('invited')
  if (place === 'stranger' || place === 'invited') return { roomId, said }
  accepted(await join(bob, roomId))
  await say('joined')
  if (place === 'joined') return { roomId, said }
  if (place === 'banned') accepted(await act(alice, 'ban', roomId, bob.userId))
  else accepted(await leave(bob, roomId))
  await say('gone')
  if (place !== 'rejoined') return { roomId, said }
  accepted(await act(alice, 'invite', roomId, bob.userId))
  accepted(await join(bob, roomId))
  await say('back')
  return { roomId, said }
}

describe('history visibility', () => {
  for (const [visibility, places] of Object.entries(expected) as [Visibility, (typeof expected)[Visibility]][])
    it(`T33 shows ${visibility} history to those it is for, and to nobody else`, async () => {
      await using server = await startTestServer()
      const alice = await server.register('alice')
      const bob = await server.register('bob')
      for (const [place, texts] of Object.entries(places) as [Place, string[] | undefined][]) {
        const { roomId, said } = await story({ alice, bob }, visibility, place)
        for (const cold of [false, true]) {
          if (cold) await server.context.rooms.drop(roomId)
          const label = `${visibility} ${place} ${cold ? 'cold' : 'warm'}`
          if (texts === undefined) {
            refused(await readMessages(bob, roomId), 403, 'M_FORBIDDEN')
            continue
          }
          const backwards = await readAllMessages(bob, roomId, { limit: 3 })
          const forwards = await readAllMessages(bob, roomId, { limit: 3, dir: 'f' })
          assert.deepEqual(textsOf(backwards).reverse(), texts, label)
          assert.deepEqual(textsOf(forwards), texts, label)
          for (const [text, eventId] of said) {
            const one = await readRoom(bob, [roomId, 'event', eventId])
            const around = await readRoom(bob, [roomId, 'context', eventId], { limit: 20 })
            assert.equal(one.status, texts.includes(text) ? 200 : 404, `${label} ${text}`)
            assert.equal(around.status, texts.includes(text) ? 200 : 404, `${label} ${text}`)
            if (around.status !== 200) continue
            const { events_before, event, events_after } = around.body
            assert.deepEqual(textsOf([...events_before.reverse(), event, ...events_after]), texts, label)
          }
        }
      }
    })

  it('T33 judges an event by the visibility at its time, and a change of it by both', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const roomId = await createRoom(alice, { preset: 'public_chat', initial_state: [visibilityState('joined')] })
    const change = (visibility: Visibility) =>
      putState(alice, roomId, ['m.room.history_visibility'], { history_visibility: visibility })
    await sendText(alice, roomId, 'secret')
    const opened = accepted(await change('shared')).event_id
    await sendText(alice, roomId, 'open')
    const closed = accepted(await change('joined')).event_id
    await sendText(alice, roomId, 'secret again')
    accepted(await join(bob, roomId))

    const seen = await readAllMessages(bob, roomId)

    assert.deepEqual(textsOf(seen), ['open'])
    const ids = seen.map(({ event_id }) => event_id)
    assert.ok(ids.includes(opened) && ids.includes(closed))
  })

  it('T33 shows those who left what visibility let them see since, by every read alike, and the state of their leave', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const close = (roomId: string) =>
      putState(alice, roomId, ['m.room.history_visibility'], { history_visibility: 'joined' })
    const invite = (roomId: string) => act(alice, 'invite', roomId, bob.userId)
    for (const [visibility, change, seen] of [
      ['world_readable', close, ['gone']],
      ['invited', invite, ['back']],
    ] as const) {
      const roomId = await createRoom(alice, { preset: 'public_chat', initial_state: [visibilityState(visibility)] })
      accepted(await join(bob, roomId))
      accepted(await leave(bob, roomId))
      const gone = await sendText(alice, roomId, 'gone')
      const changeId = accepted(await change(roomId)).event_id
      const back = await sendText(alice, roomId, 'back')
      accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'after all' }))

      const events = await readAllMessages(bob, roomId)
      const single = async (eventId: string) => (await readRoom(bob, [roomId, 'event', eventId])).status === 200

      assert.deepEqual(textsOf(events), seen)
      assert.deepEqual([await single(gone), await single(back)], [seen[0] === 'gone', seen[0] === 'back'])
      if (changeId) assert.ok(events.some(({ event_id: id }) => id === changeId) && (await single(changeId)))
      refused(await readRoom(bob, [roomId, 'state', 'm.room.topic', '']), 404, 'M_NOT_FOUND')
    }
  })

  it('T80 keeps the state of their leave for those who left a room that anybody may read', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const carol = await server.register('carol')
    const initial_state = [visibilityState('world_readable')]
    const roomId = await createRoom(alice, { preset: 'public_chat', topic: 'then', initial_state })
    accepted(await join(bob, roomId))
    accepted(await leave(bob, roomId))
    accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'now' }))
    const topicFor = async (user: TestUser): Promise<unknown> =>
      accepted(await readRoom(user, [roomId, 'state', 'm.room.topic', ''])).topic
    const topics = [await topicFor(bob), await topicFor(carol)]
    accepted(await bob.request('POST', roomPath(roomId, 'forget'), {}))

    assert.deepEqual([...topics, await topicFor(bob)], ['then', 'now', 'now'])
  })

  it('T80 shows those who left the room exactly as it was up to their leave', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const carol = await server.register('carol')
    const roomId = await createRoom(alice, { preset: 'public_chat', topic: 'old' })
    accepted(await join(bob, roomId))
    const root = await sendText(alice, roomId, 'root')
    await sendRelated(alice, roomId, { relType: 'm.thread', parentId: root, body: 'early' })
    accepted(await leave(bob, roomId))
    await sendRelated(alice, roomId, { relType: 'm.thread', parentId: root, body: 'late' })
    await sendRelated(alice, roomId, { relType: 'm.replace', parentId: root, body: 'edited' })
    await sendRelated(alice, roomId, { relType: 'm.reference', parentId: root, body: 'reference' })
    const other = await sendText(alice, roomId, 'other')
    await sendRelated(alice, roomId, { relType: 'm.thread', parentId: other, body: 'late thread' })
    accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'new' }))
    accepted(await join(carol, roomId))

    for (const cold of [false, true]) {
      if (cold) await server.context.rooms.drop(roomId)
      const messages = await readAllMessages(bob, roomId)
      assert.deepEqual(textsOf(messages), ['early', 'root'])
      const own = messages.find(({ type }) => type === 'm.room.member')
      assert.deepEqual([own.state_key, own.content.membership], [bob.userId, 'leave'])

      const event = accepted(await readRoom(bob, [roomId, 'event', root]))
      const relations = event.unsigned['m.relations']
      assert.deepEqual(Object.keys(relations), ['m.thread'])
      assert.equal(relations['m.thread'].count, 1)
      assert.equal(relations['m.thread'].latest_event.content.body, 'early')

      assert.deepEqual(accepted(await readRoom(bob, [roomId, 'state', 'm.room.topic', ''])).topic, 'old')
      const members = accepted(await readRoom(bob, [roomId, 'members'])).chunk
      assert.ok(!members.some((member: { state_key: string }) => member.state_key === carol.userId))
      const state = accepted(await readRoom(bob, [roomId, 'state']))
      assert.ok(!state.some((one: { state_key: string }) => one.state_key === carol.userId))

      const related = accepted(await readRoomV1(bob, [roomId, 'relations', root])).chunk
      assert.deepEqual(textsOf(related), ['early'])
      const threads = accepted(await readRoomV1(bob, [roomId, 'threads'])).chunk
      assert.deepEqual(
        threads.map(({ event_id }: { event_id: string }) => event_id),
        [root],
      )
    }
  })

  it('closes a room to those who forgot it', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    accepted(await leave(bob, roomId))
    accepted(await readMessages(bob, roomId))

    accepted(await bob.request('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/forget`, {}))

    refused(await readMessages(bob, roomId), 403, 'M_FORBIDDEN')
  })
})
