import assert from 'node:assert/strict'
import { accepted, refused, type TestUser } from '../../../support/server/client.ts'
import { createRoom, join, putState } from '../../../support/rooms/rooms.ts'
import { startTestServer } from '../../../support/server/server.ts'

const list = '/_matrix/client/v3/publicRooms'
const visibility = (roomId: string) => `/_matrix/client/v3/directory/list/room/${encodeURIComponent(roomId)}`
const idsOf = (body: { chunk: { room_id: string }[] }) => body.chunk.map(({ room_id: id }) => id)

/** Five published rooms with five to one members, largest first. */
async function fiveRooms(users: TestUser[]): Promise<string[]> {
  const rooms: string[] = []
  for (let size = 5; size > 0; size--) {
    const roomId = await createRoom(users[0]!, { visibility: 'public', name: `Room ${size}` })
    for (const user of users.slice(1, size)) accepted(await join(user, roomId))
    rooms.push(roomId)
  }
  return rooms
}

describe('the room directory', () => {
  it('lists a room from its first event on, whatever comes after that', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const { rooms } = server.context.store.rooms
    const { setPublished } = rooms
    const ended = new AbortController()
    rooms.setPublished = () => {
      ended.abort()
      return new Promise(() => {})
    }
    const body = { visibility: 'public' }
    await alice.request('POST', '/_matrix/client/v3/createRoom', body, { signal: ended.signal }).catch(() => {})
    rooms.setPublished = setPublished
    assert.equal(accepted(await alice.request('GET', list)).chunk.length, 1)
  })

  it('says what people want to know of a room', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, {
      visibility: 'public',
      room_alias_name: 'tea',
      name: 'Tea',
      topic: 'Leaves',
      creation_content: { type: 'm.space' },
      initial_state: [
        { type: 'm.room.avatar', content: { url: 'mxc://test/pot' } },
        { type: 'm.room.history_visibility', content: { history_visibility: 'world_readable' } },
        { type: 'm.room.guest_access', content: { guest_access: 'can_join' } },
      ],
    })
    accepted(await join(bob, roomId))
    const plain = await createRoom(alice, { visibility: 'public', preset: 'private_chat' })
    assert.deepEqual(accepted(await server.anonymous.request('GET', list)), {
      chunk: [
        {
          room_id: roomId,
          num_joined_members: 2,
          world_readable: true,
          guest_can_join: true,
          join_rule: 'public',
          room_type: 'm.space',
          canonical_alias: '#tea:test',
          name: 'Tea',
          topic: 'Leaves',
          avatar_url: 'mxc://test/pot',
        },
        {
          room_id: plain,
          num_joined_members: 1,
          world_readable: false,
          guest_can_join: true,
          join_rule: 'invite',
        },
      ],
      total_room_count_estimate: 2,
    })
  })

  it('is paged in both directions, largest rooms first', async () => {
    await using server = await startTestServer()
    const users = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => server.register(name)))
    const rooms = await fiveRooms(users)
    const get = async (query: string) => accepted(await server.anonymous.request('GET', `${list}?${query}`))
    const first = await get('limit=2')
    const second = await get(`limit=2&since=${first.next_batch}`)
    const third = await get(`limit=2&since=${second.next_batch}`)
    const back = await get(`limit=2&since=${third.prev_batch}`)
    assert.deepEqual([first, second, third, back].map(idsOf), [
      rooms.slice(0, 2),
      rooms.slice(2, 4),
      rooms.slice(4),
      rooms.slice(2, 4),
    ])
    assert.equal(first.prev_batch, undefined)
    assert.equal(third.next_batch, undefined)
    assert.equal(second.total_room_count_estimate, 5)
  })

  it('T86 takes any limit that is a number, and no token of its own making', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    await createRoom(alice, { visibility: 'public' })
    for (const limit of ['0', '1', '2147483648', '9007199254740991'])
      assert.equal(accepted(await server.anonymous.request('GET', `${list}?limit=${limit}`)).chunk.length, 1)
    for (const limit of ['-1', '9007199254740993', 'x', '1.5'])
      refused(await server.anonymous.request('GET', `${list}?limit=${limit}`), 400, 'M_INVALID_PARAM')
    for (const since of ['x', 'after_1', 'x'.repeat(1000), 'after_-1_1'])
      refused(await server.anonymous.request('GET', `${list}?since=${since}`), 400, 'M_INVALID_PARAM')
    refused(await alice.request('POST', list, { limit: -1 }), 400, 'M_BAD_JSON')
  })

  it('finds rooms by words and by type', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const named = await createRoom(alice, { visibility: 'public', name: 'Grüner TEE' })
    const about = await createRoom(alice, { visibility: 'public', topic: 'how to make tee' })
    const aliased = await createRoom(alice, { visibility: 'public', room_alias_name: 'teestube' })
    const space = await createRoom(alice, { visibility: 'public', creation_content: { type: 'm.space' } })
    const find = async (body: object) => idsOf(accepted(await alice.request('POST', list, body))).toSorted()
    const all = [named, about, aliased, space].toSorted()
    assert.deepEqual(await find({ filter: { generic_search_term: 'TeE' } }), [named, about, aliased].toSorted())
    assert.deepEqual(await find({ filter: { room_types: ['m.space'] } }), [space])
    assert.deepEqual(await find({ filter: { room_types: [null] } }), [named, about, aliased].toSorted())
    assert.deepEqual(await find({ filter: { room_types: [] } }), [])
    assert.deepEqual(await find({ filter: { generic_search_term: '', room_types: ['m.space', null] } }), all)
    assert.deepEqual(await find({ include_all_networks: true, third_party_instance_id: 'irc' }), all)
    assert.deepEqual(await find({ filter: { generic_search_term: 'x'.repeat(1000) } }), [])
    const { chunk, next_batch: next } = accepted(
      await alice.request('POST', list, { limit: 2, filter: { generic_search_term: 'tee' } }),
    )
    assert.equal(chunk.length, 2)
    const rest = accepted(await alice.request('POST', list, { since: next, filter: { generic_search_term: 'tee' } }))
    assert.equal(rest.chunk.length, 1)
  })

  it('asks other servers for those who are logged in alone', async () => {
    await using server = await startTestServer()
    refused(await server.anonymous.request('GET', `${list}?server=elsewhere`), 401, 'M_MISSING_TOKEN')
    accepted(await server.anonymous.request('GET', `${list}?server=test`))
  })

  it('lists a room while who speaks for it wants that', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const shown = async () => accepted(await server.anonymous.request('GET', visibility(roomId))).visibility
    assert.equal(await shown(), 'private')
    refused(await bob.request('PUT', visibility(roomId), { visibility: 'public' }), 403, 'M_FORBIDDEN')
    accepted(await join(bob, roomId))
    refused(await bob.request('PUT', visibility(roomId), { visibility: 'public' }), 403, 'M_FORBIDDEN')
    accepted(await alice.request('PUT', visibility(roomId), {}))
    assert.equal(await shown(), 'public')
    accepted(await putState(alice, roomId, ['m.room.power_levels'], { users: { [bob.userId]: 50 } }))
    accepted(await bob.request('PUT', visibility(roomId), { visibility: 'private' }))
    assert.equal(await shown(), 'private')
    refused(await alice.request('PUT', visibility(roomId), { visibility: 'loud' }), 400, 'M_BAD_JSON')
    refused(await server.anonymous.request('GET', visibility('!nothing:test')), 404, 'M_NOT_FOUND')
    refused(await alice.request('PUT', visibility('!nothing:test'), {}), 404, 'M_NOT_FOUND')
  })
})
