import assert from 'node:assert/strict'
import { unreadCounts } from '#services/push/unread-counts.ts'
import { accepted, type TestUser } from '../../../support/server/client.ts'
import { createRoom, join, putState, roomPath, sendText } from '../../../support/rooms/rooms.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { sync, type SyncedRoom } from '../../../support/server/sync.ts'

type Server = Awaited<ReturnType<typeof startTestServer>>

const read = async (
  user: TestUser,
  roomId: string,
  [eventId, type = 'm.read', body = {}]: [string, string?, object?],
) => accepted(await user.request('POST', roomPath(roomId, 'receipt', type, eventId), body))
const send = async (user: TestUser, roomId: string, content: object, type = 'm.room.message'): Promise<string> => {
  const path = roomPath(roomId, 'send', type, JSON.stringify(content))
  return accepted(await user.request('PUT', path, content)).event_id
}
const text = (body: string, more: object = {}) => ({ msgtype: 'm.text', body, ...more })
const inThread = (root: string) => ({ 'm.relates_to': { rel_type: 'm.thread', event_id: root } })
const mention = ({ userId }: TestUser) => ({ 'm.mentions': { user_ids: [userId] } })

const byThread = { room: { timeline: { unread_thread_notifications: true } } }

async function roomOf(user: TestUser, roomId: string, filter: object = {}): Promise<SyncedRoom> {
  const { rooms } = await sync(user, { filter })
  const room = rooms.join?.[roomId]
  assert.ok(room)
  return room
}

/** Notifications and highlights of the whole room. */
async function unread(user: TestUser, roomId: string): Promise<[number, number]> {
  const { notification_count, highlight_count } = (await roomOf(user, roomId)).unread_notifications
  return [notification_count, highlight_count]
}

async function room(server: Server, preset = 'public_chat') {
  const users = await Promise.all(['alice', 'bob', 'carol'].map((name) => server.register(name)))
  const [alice, bob, carol] = users as [TestUser, TestUser, TestUser]
  const roomId = await createRoom(alice, { preset })
  for (const user of [bob, carol]) accepted(await join(user, roomId))
  return { alice, bob, carol, roomId }
}

describe('unread counts', () => {
  it('grow with what others write, and not with what one writes oneself', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)

    await sendText(alice, roomId, 'one')
    const one = [await unread(alice, roomId), await unread(bob, roomId)]
    await send(alice, roomId, text('two', mention(bob)))
    const two = [await unread(alice, roomId), await unread(bob, roomId)]

    assert.deepEqual(
      [one, two],
      [
        [
          [0, 0],
          [1, 0],
        ],
        [
          [0, 0],
          [2, 1],
        ],
      ],
    )
  })

  it('start when one joins', async () => {
    await using server = await startTestServer()
    const { alice, roomId } = await room(server)
    await sendText(alice, roomId, 'before')
    const dave = await server.register('dave')
    accepted(await join(dave, roomId))

    const before = await unread(dave, roomId)
    await sendText(alice, roomId, 'after')

    assert.deepEqual(
      [before, await unread(dave, roomId)],
      [
        [0, 0],
        [1, 0],
      ],
    )
  })

  it('fall with a receipt, public or private, to what comes after it', async () => {
    await using server = await startTestServer()
    const { alice, bob, carol, roomId } = await room(server)
    const ids = []
    for (const body of ['one', 'two', 'three']) ids.push(await sendText(alice, roomId, body))
    const [one = '', two = '', three = ''] = ids
    await unread(bob, roomId)

    await read(bob, roomId, [two])
    await read(carol, roomId, [two, 'm.read.private'])
    const afterTwo = [await unread(bob, roomId), await unread(carol, roomId)]
    await read(bob, roomId, [one, 'm.read.private'])
    const unchanged = await unread(bob, roomId)
    await read(bob, roomId, [three, 'm.read.private'])

    assert.deepEqual(afterTwo, [
      [1, 0],
      [1, 0],
    ])
    assert.deepEqual(
      [unchanged, await unread(bob, roomId)],
      [
        [1, 0],
        [0, 0],
      ],
    )
  })

  it('come in the answer that brings the own receipt', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    const one = await sendText(alice, roomId, 'one')
    const { next_batch: since } = await sync(bob)

    await read(bob, roomId, [one, 'm.read.private'])

    const answer = await sync(bob, { since })
    assert.deepEqual(answer.rooms.join?.[roomId]?.unread_notifications, { notification_count: 0, highlight_count: 0 })
  })

  it('fall when one writes oneself', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    await sendText(alice, roomId, 'one')
    await unread(bob, roomId)

    await sendText(bob, roomId, 'mine')
    const none = await unread(bob, roomId)
    await sendText(alice, roomId, 'two')

    assert.deepEqual(
      [none, await unread(bob, roomId)],
      [
        [0, 0],
        [1, 0],
      ],
    )
  })

  it('do not fall when one changes one’s name', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    await read(bob, roomId, [await sendText(alice, roomId, 'one')])
    await sendText(alice, roomId, 'two')
    await unread(bob, roomId)

    accepted(await putState(bob, roomId, ['m.room.member', bob.userId], { membership: 'join', displayname: 'Bobby' }))

    assert.deepEqual(await unread(bob, roomId), [1, 0])
  })

  it('are told apart by thread for who asks for it, and summed for who does not', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    const root = await sendText(alice, roomId, 'root')
    await send(alice, roomId, text('in thread', { ...inThread(root), ...mention(bob) }))
    await send(alice, roomId, text('in thread too', inThread(root)))

    const apart = await roomOf(bob, roomId, byThread)

    assert.deepEqual(apart.unread_notifications, { notification_count: 1, highlight_count: 0 })
    assert.deepEqual(apart.unread_thread_notifications, { [root]: { notification_count: 2, highlight_count: 1 } })
    assert.deepEqual(await unread(bob, roomId), [3, 1])
  })

  it('fall by thread with threaded receipts, and everywhere with others', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    const root = await sendText(alice, roomId, 'root')
    const reply = await send(alice, roomId, text('in thread', inThread(root)))
    const last = await sendText(alice, roomId, 'last')
    const counts = async () => {
      const { unread_notifications: main, unread_thread_notifications: threads } = await roomOf(bob, roomId, byThread)
      return [main.notification_count, threads?.[root]?.notification_count]
    }

    const all = await counts()
    await read(bob, roomId, [last, 'm.read', { thread_id: 'main' }])
    const withoutMain = await counts()
    await read(bob, roomId, [reply, 'm.read', { thread_id: root }])
    const none = await counts()
    await send(alice, roomId, text('more', inThread(root)))
    const more = await counts()
    await read(bob, roomId, [await sendText(alice, roomId, 'the end')])

    assert.deepEqual(
      [all, withoutMain, none, more, await counts()],
      [
        [2, 1],
        [0, 1],
        [0, undefined],
        [0, 1],
        [0, undefined],
      ],
    )
  })

  it('obey the rules of the user, as soon as they change', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    await sendText(alice, roomId, 'cake')
    const before = await unread(bob, roomId)

    const rules = '/_matrix/client/v3/pushrules/global'
    accepted(await bob.request('PUT', `${rules}/room/${encodeURIComponent(roomId)}`, { actions: [] }))
    const muted = await unread(bob, roomId)
    const loud = { pattern: 'cake', actions: ['notify', { set_tweak: 'highlight' }] }
    accepted(await bob.request('PUT', `${rules}/content/cake`, loud))

    assert.deepEqual(
      [before, muted, await unread(bob, roomId)],
      [
        [1, 0],
        [0, 0],
        [1, 1],
      ],
    )
  })

  it('leave out whom the user ignores, as long as she does', async () => {
    await using server = await startTestServer()
    const { alice, bob, carol, roomId } = await room(server)
    await sendText(alice, roomId, 'one')
    await sendText(carol, roomId, 'two')
    const path = `/_matrix/client/v3/user/${encodeURIComponent(bob.userId)}/account_data/m.ignored_user_list`

    const before = await unread(bob, roomId)
    accepted(await bob.request('PUT', path, { ignored_users: { [carol.userId]: {} } }))
    const ignoring = await unread(bob, roomId)
    accepted(await bob.request('PUT', path, { ignored_users: {} }))

    assert.deepEqual(
      [before, ignoring, await unread(bob, roomId)],
      [
        [2, 0],
        [1, 0],
        [2, 0],
      ],
    )
  })

  it('leave out what is redacted, reactions and edits', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    const one = await sendText(alice, roomId, 'one')
    const two = await sendText(alice, roomId, 'two')
    const reaction = { 'm.relates_to': { rel_type: 'm.annotation', event_id: one, key: '+' } }
    await send(alice, roomId, reaction, 'm.reaction')
    const edit = { 'm.new_content': text('1'), 'm.relates_to': { rel_type: 'm.replace', event_id: one } }
    await send(alice, roomId, text('* 1', edit))
    const before = await unread(bob, roomId)

    accepted(await alice.request('PUT', roomPath(roomId, 'redact', two, 'txn'), {}))

    assert.deepEqual(
      [before, await unread(bob, roomId)],
      [
        [2, 0],
        [1, 0],
      ],
    )
  })

  it('count messages that only clients can read', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)

    await send(alice, roomId, { algorithm: 'm.megolm.v1.aes-sha2', ciphertext: '…' }, 'm.room.encrypted')

    assert.deepEqual(await unread(bob, roomId), [1, 0])
  })

  it('highlight the room as a whole only by those who may', async () => {
    await using server = await startTestServer()
    const { alice, bob, carol, roomId } = await room(server)

    await send(carol, roomId, text('everybody!', { 'm.mentions': { room: true } }))
    const byMember = await unread(bob, roomId)
    await send(alice, roomId, text('everybody!', { 'm.mentions': { room: true } }))

    assert.deepEqual(
      [byMember, await unread(bob, roomId)],
      [
        [1, 0],
        [2, 1],
      ],
    )
  })

  it('are the same for a process that has forgotten everything', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    for (let index = 0; index < 60; index++) await sendText(alice, roomId, `message ${index}`)
    await read(bob, roomId, [await sendText(alice, roomId, 'read')])
    for (let index = 0; index < 70; index++) await sendText(alice, roomId, `later ${index}`)

    await server.context.rooms.drop(roomId)
    const line = await server.context.rooms.get(roomId)

    const counts = await unreadCounts(server.context, line, bob.userId)
    assert.deepEqual(counts, {
      main: { notification_count: 70, highlight_count: 0 },
      threads: {},
      total: { notification_count: 70, highlight_count: 0 },
    })
  })

  it('cost no reading when nothing has changed', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    await sendText(alice, roomId, 'one')
    const line = await server.context.rooms.get(roomId)
    const counts = await unreadCounts(server.context, line, bob.userId)
    const nowhere = new Proxy({}, { get: () => assert.fail('Something was read') })

    const again = await unreadCounts({ ...server.context, store: nowhere as never }, line, bob.userId)

    assert.equal(again, counts)
  })

  it('keep to themselves whatever threads are called', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)

    for (const name of ['__proto__', 'constructor', 'main']) await send(alice, roomId, text(name, inThread(name)))

    const line = await server.context.rooms.get(roomId)
    const { threads, total } = await unreadCounts(server.context, line, bob.userId)
    assert.deepEqual(Object.keys(threads).sort(), ['__proto__', 'constructor'])
    assert.equal(total.notification_count, 3)
    assert.equal(Object.hasOwn(Object.prototype, 'notification_count'), false)
  })
})
