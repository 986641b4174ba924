import type { RoomId } from '#protocol/ids.ts'
import assert from 'node:assert/strict'
import { accepted, type TestUser } from '../../../support/server/client.ts'
import { evictAll } from '../../../support/server/evict-all.ts'
import { createRoom, join, leave, putState, redact, roomPath, sendText } from '../../../support/rooms/rooms.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'
import { sync, type SyncQuery } from '../../../support/server/sync.ts'

const part = encodeURIComponent
const rules = '/_matrix/client/v3/pushrules/global'

async function room(server: TestServer) {
  const users = await Promise.all(['alice', 'bob', 'carol'].map((name) => server.register(name)))
  const [alice, bob, carol] = users as [TestUser, TestUser, TestUser]
  const roomId = await createRoom(alice, { preset: 'public_chat' })
  for (const user of [bob, carol]) accepted(await join(user, roomId))
  return { alice, bob, carol, roomId }
}

const ignore = (user: TestUser, ...ignored: TestUser[]) =>
  user.request('PUT', `/_matrix/client/v3/user/${part(user.userId)}/account_data/m.ignored_user_list`, {
    ignored_users: Object.fromEntries(ignored.map(({ userId }) => [userId, {}])),
  })

/** An open stream: the count of a room after each of its syncs. */
function stream(user: TestUser, roomId: string, query: SyncQuery = {}) {
  let since: string | undefined
  let count: number | undefined
  return async () => {
    const answer = await sync(user, { ...query, ...(since !== undefined && { since }) })
    since = answer.next_batch
    count = answer.rooms.join?.[roomId]?.unread_notifications.notification_count ?? count
    return count
  }
}

const fresh = async (user: TestUser, roomId: string) =>
  (await sync(user)).rooms.join?.[roomId]?.unread_notifications.notification_count

const evict = (server: TestServer, roomId: RoomId) => evictAll(server.context, [roomId])

describe('unread counts of an open stream', () => {
  it('N05 follow push rules, ignored users, redactions and what the filter hides', async () => {
    await using server = await startTestServer()
    const { alice, bob, carol, roomId } = await room(server)
    const filter = { room: { timeline: { types: ['x.shown'] } } }
    const streams = [stream(bob, roomId, { filter }), stream(bob, roomId)]
    const master = (enabled: boolean) => bob.request('PUT', `${rules}/override/.m.rule.master/enabled`, { enabled })
    const muted = `${rules}/override/${part(roomId)}`
    const conditions = [{ kind: 'event_match', key: 'room_id', pattern: roomId }]
    let redacted = ''
    const acts: [string, () => Promise<unknown>, number][] = [
      ['start', async () => {}, 0],
      ['message', async () => (redacted = await sendText(alice, roomId, 'one')), 1],
      ['another', () => sendText(carol, roomId, 'two'), 2],
      ['mute', () => bob.request('PUT', muted, { actions: [], conditions }), 0],
      ['unmute', () => bob.request('DELETE', muted), 2],
      ['master', () => master(true), 0],
      ['no master', () => master(false), 2],
      ['ignore', () => ignore(bob, carol), 1],
      ['no ignore', () => ignore(bob), 2],
      ['redact', () => redact(alice, roomId, redacted), 1],
      ['write', () => sendText(bob, roomId, 'mine'), 0],
    ]
    for (const [name, act, expected] of acts) {
      await act()
      const counts = await Promise.all(streams.map((next) => next()))
      assert.deepEqual([...counts, await fresh(bob, roomId)], [expected, expected, expected], name)
    }
  })

  it('N05 are told again when the answer that told them was lost, and else not', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    await sendText(alice, roomId, 'one')
    const { next_batch: since } = await sync(bob)
    accepted(await bob.request('PUT', `${rules}/override/.m.rule.master/enabled`, { enabled: true }))
    const lost = await sync(bob, { since })
    const again = await sync(bob, { since })
    for (const { rooms } of [lost, again])
      assert.equal(rooms.join?.[roomId]?.unread_notifications.notification_count, 0)
    accepted(await bob.request('PUT', `${rules}/content/word`, { pattern: 'word', actions: ['notify'] }))
    assert.deepEqual((await sync(bob, { since: again.next_batch })).rooms, {})
  })

  it('N06 do not fall with a new name, and start where one joined, warm and cold', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    const counts = async () => {
      const warm = await fresh(bob, roomId)
      await evict(server, roomId)
      return [warm, await fresh(bob, roomId)]
    }
    for (const text of ['one', 'two']) await sendText(alice, roomId, text)
    accepted(
      await bob.request('PUT', `/_matrix/client/v3/profile/${part(bob.userId)}/displayname`, { displayname: 'Bobby' }),
    )
    await server.settle()
    assert.deepEqual(await counts(), [2, 2])
    accepted(await leave(bob, roomId))
    await sendText(alice, roomId, 'while away')
    accepted(await join(bob, roomId))
    assert.deepEqual(await counts(), [0, 0])
    await sendText(alice, roomId, 'back')
    accepted(await putState(bob, roomId, ['m.room.member', bob.userId], { membership: 'join', displayname: 'Bob' }))
    assert.deepEqual(await counts(), [1, 1])
  })

  it('N06 are the same when all is forgotten between any two of their changes', async () => {
    await using server = await startTestServer()
    const { alice, bob, carol, roomId } = await room(server)
    const root = await sendText(alice, roomId, 'root')
    const inThread = { msgtype: 'm.text', body: 'x', 'm.relates_to': { rel_type: 'm.thread', event_id: root } }
    const send = (user: TestUser, content: object, txn: string) =>
      user.request('PUT', roomPath(roomId, 'send', 'm.room.message', txn), content)
    let own = ''
    const acts: (() => Promise<unknown>)[] = [
      () => send(alice, inThread, 'a'),
      () => send(carol, { msgtype: 'm.text', body: 'hello Bobby' }, 'b'),
      () => putState(bob, roomId, ['m.room.member', bob.userId], { membership: 'join', displayname: 'Bobby' }),
      async () => (own = accepted(await send(bob, inThread, 'c')).event_id),
      () => redact(bob, roomId, own),
      () => putState(alice, roomId, ['m.room.power_levels'], { users: { [carol.userId]: 50 } }),
      () => send(carol, { msgtype: 'm.text', body: '@room', 'm.mentions': { room: true } }, 'd'),
      () => leave(carol, roomId),
      () => ignore(bob, carol),
      () => sendText(alice, roomId, 'last'),
    ]
    const all = { room: { timeline: { unread_thread_notifications: true } } }
    const counts = async () => {
      const { unread_notifications, unread_thread_notifications } =
        (await sync(bob, { filter: all })).rooms.join?.[roomId] ?? {}
      return { unread_notifications, unread_thread_notifications }
    }
    for (const [index, act] of acts.entries()) {
      await act()
      const warm = await counts()
      await evict(server, roomId)
      assert.deepEqual(await counts(), warm, `after act ${index}`)
    }
  })

  it('N06 count more than three hundred, warm and cold', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    await fresh(bob, roomId)
    await sendText(alice, roomId, 'mention', 'first')
    const quiet = (index: number) => alice.request('PUT', roomPath(roomId, 'send', 'x.quiet', `${index}`), { index })
    for (let index = 0; index < 320; index += 20)
      await Promise.all(Array.from({ length: 20 }, (_, offset) => quiet(index + offset)))
    const warm = await fresh(bob, roomId)
    await evict(server, roomId)
    assert.deepEqual([warm, await fresh(bob, roomId)], [1, 1])
  })
})
