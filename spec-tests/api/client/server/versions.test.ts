import assert from 'node:assert/strict'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { startTestServer } from '../../../support/server/server.ts'

const read = async (path: string, settings: Record<string, unknown> = {}) => {
  await using server = await startTestServer({ settings })
  return await server.anonymous.request('GET', path)
}

describe('versions', () => {
  it('name every version one by one, and only booleans as features', async () => {
    const { status, body, headers } = await read('/_matrix/client/versions')

    assert.equal(status, 200)
    for (let minor = 1; minor <= 19; minor++) assert.ok(body.versions.includes(`v1.${minor}`))
    assert.ok(Object.values(body.unstable_features).every((value) => typeof value === 'boolean'))
    assert.equal(headers.get('access-control-allow-origin'), '*')
  })
})

describe('well-known documents', () => {
  const settings = { public_base_url: 'https://matrix.example.org' }

  it('tell clients and servers where the server is', async () => {
    const client = await read('/.well-known/matrix/client', settings)
    const server = await read('/.well-known/matrix/server', settings)
    const withPort = await read('/.well-known/matrix/server', { public_base_url: 'https://matrix.example.org:8443/' })

    assert.equal(client.body['m.homeserver'].base_url, 'https://matrix.example.org')
    assert.match(client.headers.get('content-type') ?? '', /^application\/json/)
    assert.equal(client.headers.get('access-control-allow-origin'), '*')
    assert.deepEqual(server.body, { 'm.server': 'matrix.example.org:443' })
    assert.deepEqual(withPort.body, { 'm.server': 'matrix.example.org:8443' })
  })

  it('N38 tell clients the public name where nobody said more, and the port of a server for tests', async () => {
    const base = async (settings: Record<string, unknown>) =>
      (await read('/.well-known/matrix/client', settings)).body['m.homeserver'].base_url
    // A server that may be public must have its limits.
    const rate_limits = { enabled: true }
    const accounts = {}

    assert.equal(await base({ server_name: 'example.org', rate_limits, accounts }), 'https://example.org')
    assert.equal(await base({ server_name: 'example.org:8448', rate_limits, accounts }), 'https://example.org:8448')
    assert.match(await base({}), /^http:\/\/localhost:\d+$/)
  })

  it('do not name a server to other servers when nobody said where it is', async () => {
    const { status, body } = await read('/.well-known/matrix/server')

    assert.deepEqual([status, body.errcode], [404, 'M_NOT_FOUND'])
  })

  it('name another place to other servers where that is configured', async () => {
    const federation = { well_known_server: 'federation.example.org:8448' }
    const server = await read('/.well-known/matrix/server', { ...settings, federation })
    const alone = await read('/.well-known/matrix/server', { federation })
    const off = await read('/.well-known/matrix/server', { federation: { ...federation, enabled: false } })

    for (const { body } of [server, alone]) assert.deepEqual(body, { 'm.server': 'federation.example.org:8448' })
    assert.equal(off.status, 404)
    for (const name of ['https://example.org', 'example.org:99999', 'a b'])
      await assert.rejects(read('/', { federation: { well_known_server: name } }), /federation.well_known_server/)
  })

  it('name whom to ask when that is configured', async () => {
    const contacts = [{ role: 'm.role.admin', matrix_id: '@root:test', email_address: 'root@example.org' }]
    const support = { contacts, page: 'https://example.org/help' }

    const configured = await read('/.well-known/matrix/support', { support })
    const bare = await read('/.well-known/matrix/support')

    assert.deepEqual(configured.body, { contacts, support_page: support.page })
    assert.equal(bare.status, 404)
  })
})

describe('capabilities', () => {
  it('list what clients ask for, with the default room version among those available', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const { body } = await alice.request('GET', '/_matrix/client/v3/capabilities')
    const anonymous = await server.anonymous.request('GET', '/_matrix/client/v3/capabilities')

    const { 'm.room_versions': rooms, ...others } = body.capabilities
    assert.equal(anonymous.status, 401)
    assert.equal(rooms.available[rooms.default], 'stable')
    assert.deepEqual(Object.keys(rooms.available).sort(), roomVersions.map(({ id }) => id).sort())
    for (const name of [
      'm.change_password',
      'm.set_displayname',
      'm.set_avatar_url',
      'm.profile_fields',
      'm.get_login_token',
    ])
      assert.deepEqual(others[name], { enabled: true }, name)
    assert.deepEqual(others['m.3pid_changes'], { enabled: false })
  })
})
