import assert from 'node:assert/strict'
import fc from 'fast-check'
import { readBackedUpKeys } from '#services/e2ee/backed-up-keys.ts'
import type { TestUser } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'

const base = '/_matrix/client/v3/room_keys'
const algorithm = 'm.megolm_backup.v1.curve25519-aes-sha2'
const settings = { algorithm, auth_data: { public_key: 'abc', signatures: {} } }
const room = '!room:test'

type Key = { first_message_index: number; forwarded_count: number; is_verified: boolean }
const key = (
  { first_message_index = 0, forwarded_count = 0, is_verified = false }: Partial<Key> = {},
  secret = 'x',
) => {
  return { first_message_index, forwarded_count, is_verified, session_data: { ciphertext: secret } }
}
const create = async (user: TestUser): Promise<string> =>
  (await user.request('POST', `${base}/version`, settings)).body.version
const keysUrl = (version: string, ...ids: string[]) =>
  `${base}/keys${ids.map((id) => `/${encodeURIComponent(id)}`).join('')}?version=${version}`

describe('key backup versions', () => {
  it('are numbered texts, and the newest is the current one', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const none = await alice.request('GET', `${base}/version`)
    const versions = [await create(alice), await create(alice)]
    const current = await alice.request('GET', `${base}/version`)
    const first = await alice.request('GET', `${base}/version/1`)

    assert.deepEqual([none.status, none.body.errcode], [404, 'M_NOT_FOUND'])
    assert.deepEqual(versions, ['1', '2'])
    assert.deepEqual(current.body, { ...settings, version: '2', count: 0, etag: current.body.etag })
    assert.equal(typeof current.body.etag, 'string')
    assert.equal(first.body.version, '1')
  })

  it('change what they say of themselves, but never their algorithm or number', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const version = await create(alice)
    const put = (path: string, body: object) => alice.request('PUT', `${base}/version/${path}`, body)
    const auth_data = { public_key: 'new' }

    const refused = [
      await put(version, { algorithm: 'm.other', auth_data }),
      await put(version, { algorithm, auth_data, version: '9' }),
      await put('9', { algorithm, auth_data }),
      await put('x', { algorithm, auth_data }),
    ].map((reply) => [reply.status, reply.body.errcode])
    const accepted = await put(version, { algorithm, auth_data, version })

    assert.deepEqual(refused, [
      [400, 'M_INVALID_PARAM'],
      [400, 'M_INVALID_PARAM'],
      [404, 'M_NOT_FOUND'],
      [404, 'M_NOT_FOUND'],
    ])
    assert.equal(accepted.status, 200)
    assert.deepEqual((await alice.request('GET', `${base}/version`)).body.auth_data, auth_data)
  })

  it('are deleted one by one until there are none, and are never given again', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    await create(alice)
    await create(alice)
    await alice.request('PUT', keysUrl('2', room, 'session'), key())

    const statuses = [
      await alice.request('DELETE', `${base}/version/2`),
      await alice.request('DELETE', `${base}/version/2`),
      await alice.request('GET', `${base}/version/2`),
      await alice.request('GET', keysUrl('2')),
      await alice.request('GET', `${base}/version`),
      await alice.request('DELETE', `${base}/version/1`),
      await alice.request('GET', `${base}/version`),
      await alice.request('DELETE', `${base}/version/1`),
      await alice.request('DELETE', `${base}/version/7`),
    ].map(({ status }) => status)

    assert.deepEqual(statuses, [200, 200, 404, 404, 200, 200, 404, 200, 404])
    assert.equal(await create(alice), '3')
    assert.equal((await alice.request('DELETE', `${base}/version/2`)).status, 200)
  })

  it('belong to their user alone', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    await create(alice)

    const statuses = [
      await bob.request('GET', `${base}/version/1`),
      await bob.request('GET', keysUrl('1')),
      await bob.request('PUT', keysUrl('1', room, 'session'), key()),
      await bob.request('DELETE', `${base}/version/1`),
    ].map(({ status }) => status)

    assert.deepEqual(statuses, [404, 404, 404, 404])
  })
})

describe('backed-up keys', () => {
  it('are stored and read at every level, with count and etag', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const version = await create(alice)
    const other = '!other:test'

    const one = await alice.request('PUT', keysUrl(version, room, 'a/b+c='), key({}, '1'))
    const inRoom = await alice.request('PUT', keysUrl(version, room), { sessions: { s2: key({}, '2') } })
    const all = await alice.request('PUT', keysUrl(version), { rooms: { [other]: { sessions: { s3: key({}, '3') } } } })

    assert.deepEqual([one.body.count, inRoom.body.count, all.body.count], [1, 2, 3])
    assert.equal(new Set([one, inRoom, all].map(({ body }) => body.etag)).size, 3)
    const sessions = { 'a/b+c=': key({}, '1'), s2: key({}, '2') }
    const get = async (...ids: string[]) => (await alice.request('GET', keysUrl(version, ...ids))).body
    assert.deepEqual(await get(room, 'a/b+c='), key({}, '1'))
    assert.deepEqual(await get(room), { sessions })
    assert.deepEqual(await get(), { rooms: { [other]: { sessions: { s3: key({}, '3') } }, [room]: { sessions } } })
    const current = (await alice.request('GET', `${base}/version`)).body
    assert.deepEqual([current.count, current.etag], [3, all.body.etag])
  })

  it('are all there when they are many', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const version = await create(alice)
    const sessions = Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`s${index}`, key({}, `${index}`)]))
    const rooms = { '!a:test': { sessions }, '!b:test': { sessions } }

    const put = await alice.request('PUT', keysUrl(version), { rooms })

    assert.equal(put.body.count, 1200)
    assert.deepEqual((await alice.request('GET', keysUrl(version))).body, { rooms })
    assert.deepEqual((await alice.request('GET', keysUrl(version, '!b:test'))).body, { sessions })
  })

  it('N21 are sent some at a time, so that large ones are never in memory as a whole', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const version = await create(alice)
    const rooms: Record<string, { sessions: Record<string, ReturnType<typeof key>> }> = {}
    for (const [roomId, count] of [
      ['!one:test', 130],
      ['!other:test', 1],
      ['!third:test', 69],
    ] as const)
      rooms[roomId] = {
        sessions: Object.fromEntries(Array.from({ length: count }, (_, n) => [`s${n}`, key({}, 'x'.repeat(1000))])),
      }
    assert.equal((await alice.request('PUT', keysUrl(version), { rooms })).status, 200)

    const all = await alice.request('GET', keysUrl(version))
    const ofRoom = await alice.request('GET', keysUrl(version, '!one:test'))
    assert.deepEqual(all.body, { rooms })
    assert.deepEqual(ofRoom.body, rooms['!one:test'])
    for (const { headers } of [all, ofRoom]) assert.equal(headers.get('content-length'), null)
    const sizes: number[] = []
    for await (const page of await readBackedUpKeys(server.context, alice.userId, { version })) sizes.push(page.length)
    assert.deepEqual(sizes, [100, 100])
  })

  it('that are not there are an empty room, an empty map, or 404 for one', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const version = await create(alice)

    const one = await alice.request('GET', keysUrl(version, room, 'none'))

    assert.deepEqual((await alice.request('GET', keysUrl(version))).body, { rooms: {} })
    assert.deepEqual((await alice.request('GET', keysUrl(version, room))).body, { sessions: {} })
    assert.deepEqual([one.status, one.body.errcode], [404, 'M_NOT_FOUND'])
    assert.equal((await alice.request('GET', keysUrl('99'))).status, 404)
    assert.equal((await alice.request('GET', `${base}/keys`)).status, 400)
  })

  it('are deleted at every level', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const version = await create(alice)
    const sessions = { a: key(), b: key(), c: key() }
    await alice.request('PUT', keysUrl(version), { rooms: { [room]: { sessions }, '!other:test': { sessions } } })
    const remove = async (...ids: string[]) => (await alice.request('DELETE', keysUrl(version, ...ids))).body

    const counts = [
      await remove(room, 'a'),
      await remove(room, 'a'),
      await remove(room),
      await remove(),
      await remove(),
    ]

    assert.deepEqual(
      counts.map(({ count }) => count),
      [5, 5, 3, 0, 0],
    )
    assert.equal(counts[0].etag, counts[1].etag)
    assert.notEqual(counts[1].etag, counts[2].etag)
  })

  it('go into the current version only, and a client learns which that is', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const old = await create(alice)
    const current = await create(alice)

    for (const url of [keysUrl(old), keysUrl(old, room), keysUrl(old, room, 'a')]) {
      const ids = new URL(url, 'http://test').pathname.slice(`${base}/keys`.length).split('/').length - 1
      const body = [{ rooms: {} }, { sessions: {} }, key()][ids]
      const reply = await alice.request('PUT', url, body)
      assert.deepEqual(
        [reply.status, reply.body.errcode, reply.body.current_version],
        [403, 'M_WRONG_ROOM_KEYS_VERSION', current],
      )
    }
    const unknown = await alice.request('PUT', keysUrl('77', room, 'a'), key())
    assert.deepEqual([unknown.status, unknown.body.errcode], [404, 'M_NOT_FOUND'])
  })

  it('replace each other by verification, then by index, then by how often they were forwarded', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const version = await create(alice)
    const anyKey = fc.record({
      first_message_index: fc.integer({ min: 0, max: 2 }),
      forwarded_count: fc.integer({ min: 0, max: 2 }),
      is_verified: fc.boolean(),
    })
    const rank = (one: Key) => [one.is_verified ? 0 : 1, one.first_message_index, one.forwarded_count].join()
    let session = 0
    await fc.assert(
      fc.asyncProperty(fc.array(anyKey, { minLength: 2, maxLength: 5 }), async (uploads) => {
        const url = keysUrl(version, room, `s${session++}`)
        for (const [index, upload] of uploads.entries()) await alice.request('PUT', url, key(upload, `${index}`))
        const best = uploads.map(rank).indexOf(uploads.map(rank).sort()[0] ?? '')
        const { body } = await alice.request('GET', url)
        assert.deepEqual(body, key(uploads[best], `${best}`))
      }),
      { numRuns: 25 },
    )
  })

  it('that change nothing leave the etag alone', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const version = await create(alice)

    const first = await alice.request('PUT', keysUrl(version, room, 'a'), key())
    const again = await alice.request('PUT', keysUrl(version, room, 'a'), key())

    assert.deepEqual(again.body, first.body)
  })

  it('T41 keep strange ids apart and refuse what is malformed', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const version = await create(alice)
    const text = `{"rooms":{"__proto__":{"sessions":{"__proto__":${JSON.stringify(key())},"constructor":${JSON.stringify(key())}}}}}`

    const stored = await alice.request('PUT', keysUrl(version), text, {
      headers: { 'content-type': 'application/json' },
    })
    const read = await alice.request('GET', keysUrl(version))
    const bad = [
      { rooms: null },
      { rooms: { [room]: null } },
      { rooms: { [room]: { sessions: { a: null } } } },
      { rooms: { [room]: { sessions: { a: { ...key(), session_data: 'text' } } } } },
      { rooms: { [room]: { sessions: { a: { ...key(), first_message_index: 1.5 } } } } },
      { rooms: { [room]: { sessions: { 'a\0': key() } } } },
      { rooms: { ['r'.repeat(256)]: { sessions: { a: key() } } } },
    ]

    assert.equal(stored.body.count, 2)
    assert.deepEqual(Object.keys(read.body.rooms), ['__proto__'])
    for (const body of bad) assert.equal((await alice.request('PUT', keysUrl(version), body)).status, 400)
    assert.equal((await alice.request('GET', `${base}/version`)).body.count, 2)
  })
})
