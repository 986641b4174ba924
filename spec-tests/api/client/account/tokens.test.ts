import assert from 'node:assert/strict'
import { sessionsChanged } from '#bus/topics.ts'
import { testClient, testPassword } from '../../../support/server/client.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'

const whoami = '/_matrix/client/v3/account/whoami'
const refreshPath = '/_matrix/client/v3/refresh'

type Pair = { access: string; refresh: string }

async function loginRefreshable(server: TestServer, username: string): Promise<Pair> {
  const { body } = await server.anonymous.request('POST', '/_matrix/client/v3/login', {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: username },
    password: testPassword,
    refresh_token: true,
  })
  return { access: body.access_token, refresh: body.refresh_token }
}

const refresh = async (server: TestServer, refresh_token: string) => {
  const { status, body } = await server.anonymous.request('POST', refreshPath, { refresh_token })
  return { status, body, access: body.access_token as string, refresh: body.refresh_token as string }
}

const use = async (server: TestServer, access: string) => {
  const { status, body } = await testClient(server.url, access).request('GET', whoami)
  return status === 200 ? 'lives' : body.soft_logout ? 'soft logout' : 'ended'
}

describe('access tokens', () => {
  it('say whom they speak for', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const { body } = await alice.request('GET', whoami)

    assert.deepEqual(body, { user_id: '@alice:test', device_id: alice.deviceId, is_guest: false })
  })

  it('are taken from the query, too', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const { body } = await server.anonymous.request('GET', `${whoami}?access_token=${alice.accessToken}`)

    assert.equal(body.user_id, '@alice:test')
  })

  it('T65 are missing when empty or blank, and unknown when they are anything else', async () => {
    await using server = await startTestServer()
    await server.register('alice')
    const headers = (authorization: string) => ({ headers: { authorization } })
    const missing = [
      server.anonymous.request('GET', whoami),
      server.anonymous.request('GET', `${whoami}?access_token=`),
      ...['Bearer', 'Bearer ', 'Bearer    ', 'Basic abc', ''].map((header) =>
        server.anonymous.request('GET', whoami, undefined, headers(header)),
      ),
    ]
    const unknown = [
      server.anonymous.request('GET', `${whoami}?access_token=%20`),
      server.anonymous.request('GET', `${whoami}?access_token=%0a`),
      server.anonymous.request('GET', `${whoami}?access_token=${'x'.repeat(2000)}`),
      ...['Bearer x', 'Bearer null', 'Bearer undefined', 'bearer mya_'].map((header) =>
        server.anonymous.request('GET', whoami, undefined, headers(header)),
      ),
    ]
    const nul = await server.anonymous.request('GET', `${whoami}?access_token=%00`)

    for (const { status, body } of await Promise.all(missing))
      assert.deepEqual([status, body.errcode], [401, 'M_MISSING_TOKEN'])
    for (const { status, body } of await Promise.all(unknown))
      assert.deepEqual([status, body.errcode, body.soft_logout], [401, 'M_UNKNOWN_TOKEN', false])
    assert.ok(nul.status === 400 || nul.status === 401)
  })

  it('do not hinder requests that need none', async () => {
    await using server = await startTestServer()
    const { status } = await testClient(server.url, 'stale').request('GET', '/_matrix/client/versions')

    assert.equal(status, 200)
  })

  it('end with logout, together with the device', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const other = await server.login('alice')
    assert.equal(await use(server, other.accessToken), 'lives')

    const reply = await other.request('POST', '/_matrix/client/v3/logout')
    const devices = await alice.request('GET', '/_matrix/client/v3/devices')

    assert.deepEqual([reply.status, reply.body], [200, {}])
    assert.equal(await use(server, other.accessToken), 'ended')
    assert.deepEqual(
      devices.body.devices.map((device: { device_id: string }) => device.device_id),
      [alice.deviceId],
    )
  })

  it('end all together with logout/all, refresh tokens too, and nobody else is touched', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const other = await loginRefreshable(server, 'alice')

    await alice.request('POST', '/_matrix/client/v3/logout/all')

    assert.equal(await use(server, alice.accessToken), 'ended')
    assert.equal(await use(server, other.access), 'ended')
    assert.equal((await refresh(server, other.refresh)).status, 401)
    assert.equal(await use(server, bob.accessToken), 'lives')
  })

  it('end in a process that did not see the logout, by the bus at once and without it within half a minute', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    assert.deepEqual([await use(server, alice.accessToken), await use(server, bob.accessToken)], ['lives', 'lives'])

    for (const { userId } of [alice, bob])
      await server.context.store.transaction((tx) => tx.accounts.accessTokens.deleteForUser(userId))
    server.context.bus.publish(sessionsChanged, { userId: alice.userId })

    assert.equal(await use(server, alice.accessToken), 'ended')
    assert.equal(await use(server, bob.accessToken), 'lives')
    await server.clock.advance(30_000)
    assert.equal(await use(server, bob.accessToken), 'ended')
  })
})

describe('refresh tokens', () => {
  it('come with an access token that expires softly, while others do not expire', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const pair = await loginRefreshable(server, 'alice')
    assert.equal(await use(server, pair.access), 'lives')

    await server.clock.advance(3_600_000)

    assert.equal(await use(server, pair.access), 'soft logout')
    assert.equal(await use(server, alice.accessToken), 'lives')
    const next = await refresh(server, pair.refresh)
    assert.equal(next.status, 200)
    assert.equal(next.body.expires_in_ms, 3_600_000)
    assert.equal(await use(server, next.access), 'lives')
  })

  it('keep the old pair alive until one of the new is used', async () => {
    await using server = await startTestServer()
    await server.register('alice')
    const first = await loginRefreshable(server, 'alice')

    const lost = await refresh(server, first.refresh)
    const second = await refresh(server, first.refresh)

    assert.equal(await use(server, first.access), 'lives')
    assert.deepEqual([lost.status, second.status], [200, 200])
    assert.equal(await use(server, second.access), 'lives')
    assert.equal(await use(server, first.access), 'ended')
    assert.equal(await use(server, lost.access), 'ended')
    assert.equal(await use(server, second.access), 'lives')
  })

  it('end their predecessor when they are used themselves', async () => {
    await using server = await startTestServer()
    await server.register('alice')
    const first = await loginRefreshable(server, 'alice')

    const second = await refresh(server, first.refresh)
    const third = await refresh(server, second.refresh)

    assert.equal(await use(server, first.access), 'ended')
    assert.equal(await use(server, second.access), 'lives')
    assert.equal(await use(server, third.access), 'lives')
    assert.equal(await use(server, second.access), 'ended')
  })

  it('T70 revoke the whole session when a used one comes again, softly, since the device lives', async () => {
    await using server = await startTestServer()
    await server.register('alice')
    const first = await loginRefreshable(server, 'alice')
    const second = await refresh(server, first.refresh)
    assert.equal(await use(server, second.access), 'lives')

    const stolen = await refresh(server, first.refresh)

    assert.deepEqual([stolen.status, stolen.body.errcode, stolen.body.soft_logout], [401, 'M_UNKNOWN_TOKEN', true])
    assert.equal(await use(server, second.access), 'soft logout')
    assert.equal((await refresh(server, second.refresh)).status, 401)
  })

  it('are refused when unknown or missing', async () => {
    await using server = await startTestServer()

    const unknown = await refresh(server, 'unknown')
    const missing = await server.anonymous.request('POST', refreshPath, {})

    assert.deepEqual([unknown.status, unknown.body.errcode, unknown.body.soft_logout], [401, 'M_UNKNOWN_TOKEN', false])
    assert.deepEqual([missing.status, missing.body.errcode], [400, 'M_MISSING_PARAM'])
  })

  it('end with their device', async () => {
    await using server = await startTestServer()
    await server.register('alice')
    const pair = await loginRefreshable(server, 'alice')

    await testClient(server.url, pair.access).request('POST', '/_matrix/client/v3/logout')

    assert.equal((await refresh(server, pair.refresh)).status, 401)
  })
})
