import assert from 'node:assert/strict'
import { accepted, refused, type TestUser } from '../../../support/server/client.ts'
import { createRoom, sendText } from '../../../support/rooms/rooms.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { bodiesOf, joined, sync } from '../../../support/server/sync.ts'

const pathOf = ({ userId }: { userId: string }, id?: string) =>
  `/_matrix/client/v3/user/${encodeURIComponent(userId)}/filter${id === undefined ? '' : `/${encodeURIComponent(id)}`}`
const create = (user: TestUser, filter: unknown) => user.request('POST', pathOf(user), filter)
const syncWith = (user: TestUser, filter: string) =>
  user.request('GET', `/_matrix/client/v3/sync?filter=${encodeURIComponent(filter)}`)

describe('filters', () => {
  it('come back under their id as they were made, unknown keys too', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const filter = { room: { timeline: { limit: 5, types: ['m.room.*'] } }, 'org.example': [1] }

    const { filter_id } = accepted(await create(alice, filter))

    assert.doesNotMatch(filter_id, /^\{/)
    assert.deepEqual(accepted(await alice.request('GET', pathOf(alice, filter_id))), filter)
  })

  it('made again are the same', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const ids = [{ room: {} }, { presence: {} }, { room: {} }].map(
      async (filter) => accepted(await create(alice, filter)).filter_id as string,
    )
    const [one, two, three] = await Promise.all(ids)

    assert.equal(one, three)
    assert.notEqual(one, two)
  })

  it('are not known under another id, nor to others', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const { filter_id } = accepted(await create(alice, {}))
    accepted(await syncWith(alice, filter_id))

    refused(await alice.request('GET', pathOf(alice, 'lost')), 404, 'M_NOT_FOUND')
    refused(await syncWith(alice, 'lost'), 404, 'M_NOT_FOUND')
    refused(await bob.request('GET', pathOf(bob, filter_id)), 404, 'M_NOT_FOUND')
    refused(await syncWith(bob, filter_id), 404, 'M_NOT_FOUND')
    refused(await bob.request('GET', pathOf(alice, filter_id)), 403, 'M_FORBIDDEN')
    refused(await bob.request('POST', pathOf(alice), {}), 403, 'M_FORBIDDEN')
  })

  it('of the wrong form are refused', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    for (const filter of [{ room: 1 }, { room: { timeline: { limit: '5' } } }, { presence: { senders: ['nobody'] } }]) {
      refused(await create(alice, filter), 400, 'M_BAD_JSON')
      refused(await syncWith(alice, JSON.stringify(filter)), 400, 'M_INVALID_PARAM')
    }
    refused(await syncWith(alice, '{'), 400, 'M_INVALID_PARAM')
  })

  it('filter a sync by id as they do written out', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    for (const text of ['one', 'two', 'three']) await sendText(alice, roomId, text)
    const filter = { room: { timeline: { limit: 2 } } }
    const { filter_id } = accepted(await create(alice, filter))

    const byId = accepted(await syncWith(alice, filter_id))

    assert.deepEqual(bodiesOf(joined(byId, roomId)), ['two', 'three'])
    assert.deepEqual(bodiesOf(joined(await sync(alice, { filter }), roomId)), ['two', 'three'])
  })

  it('T84 are limited in number', async () => {
    await using server = await startTestServer({ settings: { limits: { filters_per_user: 2 } } })
    const alice = await server.register('alice')

    for (const limit of [1, 2, 1]) accepted(await create(alice, { presence: { limit } }))
    refused(await create(alice, { presence: { limit: 3 } }), 403, 'M_FORBIDDEN')
  })
})
