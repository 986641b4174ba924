import assert from 'node:assert/strict'
import { accepted, refused, type TestUser } from '../../../support/server/client.ts'
import { createRoom } from '../../../support/rooms/rooms.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { sync } from '../../../support/server/sync.ts'

const pathOf = ({ userId }: { userId: string }, type: string, roomId?: string) =>
  ['/_matrix/client/v3/user', userId, ...(roomId === undefined ? [] : ['rooms', roomId]), 'account_data', type]
    .map((part, index) => (index === 0 ? part : encodeURIComponent(part)))
    .join('/')
const put = (user: TestUser, type: string, content: unknown, roomId?: string) =>
  user.request('PUT', pathOf(user, type, roomId), content)
const get = (user: TestUser, type: string, roomId?: string) => user.request('GET', pathOf(user, type, roomId))

describe('account data', () => {
  it('comes back as it was set last', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    accepted(await put(alice, 'org.example', { a: 1, deep: { list: [0.5, null, '\0'] } }))
    const first = accepted(await get(alice, 'org.example'))
    accepted(await put(alice, 'org.example', { b: 2 }))

    assert.deepEqual(first, { a: 1, deep: { list: [0.5, null, '\0'] } })
    assert.deepEqual(accepted(await get(alice, 'org.example')), { b: 2 })
  })

  it('is apart for each room and for the account', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    accepted(await put(alice, 'org.example', { of: 'account' }))
    accepted(await put(alice, 'org.example', { of: 'room' }, '!room:test'))

    assert.deepEqual(accepted(await get(alice, 'org.example')), { of: 'account' })
    assert.deepEqual(accepted(await get(alice, 'org.example', '!room:test')), { of: 'room' })
    refused(await get(alice, 'org.example', '!other:test'), 404, 'M_NOT_FOUND')
    refused(await get(alice, 'org.other'), 404, 'M_NOT_FOUND')
  })

  it('is its owner’s alone', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    accepted(await put(alice, 'org.example', { a: 1 }))

    refused(await bob.request('GET', pathOf(alice, 'org.example')), 403, 'M_FORBIDDEN')
    refused(await bob.request('PUT', pathOf(alice, 'org.example'), {}), 403, 'M_FORBIDDEN')
    refused(await bob.request('GET', pathOf(alice, 'org.example', '!room:test')), 403, 'M_FORBIDDEN')
    refused(await bob.request('PUT', pathOf(alice, 'org.example', '!room:test'), {}), 403, 'M_FORBIDDEN')
    assert.deepEqual(accepted(await get(alice, 'org.example')), { a: 1 })
  })

  it('does not take what the server keeps itself', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    for (const type of ['m.push_rules', 'm.fully_read'])
      for (const roomId of [undefined, '!room:test'])
        refused(await put(alice, type, { event_id: '$event' }, roomId), 405, 'M_BAD_JSON')
  })

  it('must be an object in a room that can be', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    refused(await put(alice, 'org.example', []), 400, 'M_BAD_JSON')
    refused(await put(alice, 'org.example', '{'), 400, 'M_NOT_JSON')
    refused(await put(alice, 'org.example', {}, 'nonsense'), 400, 'M_INVALID_PARAM')
    assert.equal((await put(alice, 'x'.repeat(256), {})).status, 400)
  })

  it('T84 is limited in size and number', async () => {
    await using server = await startTestServer({
      settings: { limits: { account_data_bytes: 1024, account_data_types: 2 } },
    })
    const alice = await server.register('alice')

    refused(await put(alice, 'large', { text: 'x'.repeat(1024) }), 413, 'M_TOO_LARGE')
    accepted(await put(alice, 'one', {}))
    accepted(await put(alice, 'two', {}, '!room:test'))
    refused(await put(alice, 'three', {}), 403, 'M_FORBIDDEN')
    accepted(await put(alice, 'one', { again: true }))
  })

  it('comes to every device by sync, changes only after the first', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    accepted(await put(alice, 'one', { n: 1 }))
    accepted(await put(alice, 'in room', { n: 2 }, roomId))

    const first = await sync(alice)
    accepted(await put(alice, 'two', { n: 3 }))
    accepted(await put(alice, 'in room', { n: 4 }, roomId))
    const second = await sync(alice, { since: first.next_batch })
    const third = await sync(alice, { since: second.next_batch })

    assert.deepEqual(first.account_data.events.map(({ type }) => type).sort(), ['m.push_rules', 'one'])
    assert.deepEqual(first.rooms.join?.[roomId]?.account_data.events, [{ type: 'in room', content: { n: 2 } }])
    assert.deepEqual(second.account_data.events, [{ type: 'two', content: { n: 3 } }])
    assert.deepEqual(second.rooms.join?.[roomId]?.account_data.events, [{ type: 'in room', content: { n: 4 } }])
    assert.deepEqual([third.account_data.events, third.rooms.join], [[], undefined])
  })
})
