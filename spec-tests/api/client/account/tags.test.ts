import assert from 'node:assert/strict'
import fc from 'fast-check'
import { accepted, refused, type TestUser } from '../../../support/server/client.ts'
import { createRoom } from '../../../support/rooms/rooms.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { joined, sync } from '../../../support/server/sync.ts'

const pathOf = ({ userId }: { userId: string }, roomId: string, tag?: string) =>
  `/_matrix/client/v3/user/${encodeURIComponent(userId)}/rooms/${encodeURIComponent(roomId)}/tags` +
  (tag === undefined ? '' : `/${encodeURIComponent(tag)}`)
const put = (user: TestUser, roomId: string, tag: string, content: unknown = {}) =>
  user.request('PUT', pathOf(user, roomId, tag), content)
const list = async (user: TestUser, roomId: string) => accepted(await user.request('GET', pathOf(user, roomId))).tags
const remove = (user: TestUser, roomId: string, tag: string) => user.request('DELETE', pathOf(user, roomId, tag))

describe('tags of a room', () => {
  it('are put, replaced, listed and taken off', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)

    const none = await list(alice, roomId)
    accepted(await put(alice, roomId, 'm.favourite', { order: 0.25 }))
    accepted(await put(alice, roomId, 'u.work'))
    accepted(await put(alice, roomId, 'm.favourite', { order: 0.5, extra: 'kept' }))
    const both = await list(alice, roomId)
    accepted(await remove(alice, roomId, 'm.favourite'))
    accepted(await remove(alice, roomId, 'm.favourite'))

    assert.deepEqual(none, {})
    assert.deepEqual(both, { 'm.favourite': { order: 0.5, extra: 'kept' }, 'u.work': {} })
    assert.deepEqual(await list(alice, roomId), { 'u.work': {} })
  })

  it('come by sync as m.tag, also when the last one goes', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const { next_batch: since } = await sync(alice)

    accepted(await put(alice, roomId, 'm.favourite', { order: 1 }))
    const tagged = await sync(alice, { since })
    accepted(await remove(alice, roomId, 'm.favourite'))
    const untagged = await sync(alice, { since: tagged.next_batch })

    assert.deepEqual(joined(tagged, roomId).account_data.events, [
      { type: 'm.tag', content: { tags: { 'm.favourite': { order: 1 } } } },
    ])
    assert.deepEqual(joined(untagged, roomId).account_data.events, [{ type: 'm.tag', content: { tags: {} } }])
  })

  it('are their owner’s alone', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]

    refused(await bob.request('GET', pathOf(alice, '!room:test')), 403, 'M_FORBIDDEN')
    refused(await bob.request('PUT', pathOf(alice, '!room:test', 'u.x'), {}), 403, 'M_FORBIDDEN')
    refused(await bob.request('DELETE', pathOf(alice, '!room:test', 'u.x')), 403, 'M_FORBIDDEN')
  })

  it('are not lost when several are put at once', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const names = Array.from({ length: 10 }, (_, index) => `u.${index}`)

    await Promise.all(names.map(async (name) => accepted(await put(alice, '!room:test', name))))

    assert.deepEqual(Object.keys(await list(alice, '!room:test')).sort(), names)
  })

  it('may have any name of up to 255 bytes', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    refused(await put(alice, '!room:test', 'é'.repeat(128)), 400, 'M_BAD_JSON')
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.constantFrom('__proto__', 'constructor', 'a/b', '%', '#?'),
          fc.string({ minLength: 1, maxLength: 50 }),
        ),
        async (name) => {
          if (name.includes('\0') || name === '.' || name === '..') return
          accepted(await put(alice, '!room:test', name, { order: 0 }))
          assert.deepEqual(Object.entries(await list(alice, '!room:test')), [[name, { order: 0 }]])
          accepted(await remove(alice, '!room:test', name))
        },
      ),
      { numRuns: 25 },
    )
  })
})
