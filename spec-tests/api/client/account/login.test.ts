import assert from 'node:assert/strict'
import { sessionsChanged } from '#bus/topics.ts'
import { testPassword } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'
import type { UserId } from '#protocol/ids.ts'

const path = '/_matrix/client/v3/login'
const whoami = '/_matrix/client/v3/account/whoami'
const password = (user: string, rest: object = {}) => ({
  type: 'm.login.password',
  identifier: { type: 'm.id.user', user },
  password: testPassword,
  ...rest,
})

describe('login', () => {
  it('lists the password first, and nothing that needs a browser', async () => {
    await using server = await startTestServer()

    const { status, body } = await server.anonymous.request('GET', path)

    const types = body.flows.map((flow: { type: string }) => flow.type)
    assert.equal(status, 200)
    assert.equal(types[0], 'm.login.password')
    assert.ok(!types.includes('m.login.sso'))
    assert.equal(body.flows.find((flow: { type: string }) => flow.type === 'm.login.token').get_login_token, true)
  })

  it('takes a localpart, a whole user id, another case and the older form', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bodies = [
      password('alice'),
      password('@alice:test'),
      password('Alice'),
      password('@ALICE:test'),
      { type: 'm.login.password', user: 'alice', password: testPassword },
    ]

    for (const body of bodies) {
      const reply = await server.anonymous.request('POST', path, body)
      assert.equal(reply.status, 200)
      assert.equal(reply.body.user_id, alice.userId)
      assert.equal(reply.body.home_server, 'test')
      assert.notEqual(reply.body.device_id, alice.deviceId)
    }
  })

  it('names the place of the server when it is configured', async () => {
    await using server = await startTestServer({ settings: { public_base_url: 'https://matrix.test' } })
    await server.register('alice')

    const { body } = await server.anonymous.request('POST', path, password('alice'))

    assert.deepEqual(body.well_known, { 'm.homeserver': { base_url: 'https://matrix.test' } })
  })

  it('refuses wrong passwords, unknown users, foreign users and third-party identifiers alike', async () => {
    await using server = await startTestServer()
    await server.register('alice')
    const bodies = [
      password('alice', { password: 'wrong password' }),
      password('nobody'),
      password('@alice:elsewhere'),
      password('al\u0000ice'),
      password('@'),
      {
        type: 'm.login.password',
        identifier: { type: 'm.id.thirdparty', medium: 'email', address: 'a@b' },
        password: 'x',
      },
      { type: 'm.login.password', identifier: { type: 'm.id.phone', country: 'GB', phone: '1' }, password: 'x' },
      { type: 'm.login.password', medium: 'email', address: 'a@b', password: 'x' },
    ]

    for (const body of bodies) {
      const reply = await server.anonymous.request('POST', path, body)
      assert.equal(reply.status, 403)
      assert.equal(reply.body.errcode, 'M_FORBIDDEN')
    }
  })

  it('answers malformed requests with 400', async () => {
    await using server = await startTestServer()
    const cases: [unknown, string][] = [
      [{}, 'M_MISSING_PARAM'],
      [{ type: 'm.login.unheard_of' }, 'M_UNKNOWN'],
      [{ type: 'm.login.password', password: 'x' }, 'M_MISSING_PARAM'],
      [{ type: 'm.login.password', user: 'alice' }, 'M_MISSING_PARAM'],
      [{ type: 'm.login.password', identifier: { type: 'm.id.unknown' }, password: 'x' }, 'M_UNKNOWN'],
      [{ type: 'm.login.token' }, 'M_MISSING_PARAM'],
      [password('alice', { device_id: 'x'.repeat(256) }), 'M_INVALID_PARAM'],
      [password('alice', { device_id: 'a\u0000b' }), 'M_BAD_JSON'],
      [password('alice', { device_id: '' }), 'M_INVALID_PARAM'],
      [password('alice', { initial_device_display_name: 'x'.repeat(256) }), 'M_INVALID_PARAM'],
    ]

    for (const [body, errcode] of cases) {
      const reply = await server.anonymous.request('POST', path, body)
      assert.deepEqual([reply.status, reply.body.errcode], [400, errcode], JSON.stringify(body))
    }
  })

  it('reuses a device that is named, keeps its name and ends its old token', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    await alice.request('PUT', `/_matrix/client/v3/devices/${alice.deviceId}`, { display_name: 'first' })

    const again = await server.anonymous.request(
      'POST',
      path,
      password('alice', { device_id: alice.deviceId, initial_device_display_name: 'second' }),
    )
    const authorization = `Bearer ${again.body.access_token}`
    const old = await alice.request('GET', whoami)
    const list = await server.anonymous.request('GET', '/_matrix/client/v3/devices', undefined, {
      headers: { authorization },
    })

    assert.equal(again.body.device_id, alice.deviceId)
    assert.equal(old.status, 401)
    assert.equal(list.body.devices.length, 1)
    assert.equal(list.body.devices[0].display_name, 'first')
  })

  it('gives a new device the id and the name wished for', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const reply = await server.anonymous.request(
      'POST',
      path,
      password('alice', { device_id: 'abc', initial_device_display_name: 'Telephone' }),
    )
    const device = await alice.request('GET', '/_matrix/client/v3/devices/abc')

    assert.equal(reply.body.device_id, 'abc')
    assert.equal(device.body.display_name, 'Telephone')
  })

  it('refuses application service logins of anybody else', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const body = { type: 'm.login.application_service', identifier: { type: 'm.id.user', user: 'alice' } }

    for (const client of [alice, server.anonymous]) {
      const reply = await client.request('POST', path, body)
      assert.deepEqual([reply.status, reply.body.errcode], [403, 'M_FORBIDDEN'])
    }
  })

  it('T65 lets deactivated users in by no way', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const refreshable = await server.anonymous.request('POST', path, password('alice', { refresh_token: true }))
    const { loginToken } = await getLoginToken(alice)
    const auth = { type: 'm.login.password', password: testPassword }
    await alice.request('POST', '/_matrix/client/v3/account/deactivate', { auth })

    const byPassword = await server.anonymous.request('POST', path, password('alice'))
    const byToken = await server.anonymous.request('POST', path, { type: 'm.login.token', token: loginToken })
    const { refresh_token } = refreshable.body
    const byRefresh = await server.anonymous.request('POST', '/_matrix/client/v3/refresh', { refresh_token })
    const byOld = await alice.request('GET', whoami)

    assert.deepEqual([byPassword.status, byPassword.body.errcode], [403, 'M_USER_DEACTIVATED'])
    assert.deepEqual([byToken.status, byToken.body.errcode], [403, 'M_FORBIDDEN'])
    assert.deepEqual([byRefresh.status, byRefresh.body.errcode], [401, 'M_UNKNOWN_TOKEN'])
    assert.deepEqual([byOld.status, byOld.body.soft_logout], [401, false])
  })

  it('T65 takes no other request of a locked user for a logout', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const { body: room } = await alice.request('POST', '/_matrix/client/v3/createRoom', {})
    await lock(server, alice.userId, true)

    const send = `/_matrix/client/v3/rooms/${encodeURIComponent(room.room_id)}/send/m.room.message/logout`
    const replies = [
      await alice.request('PUT', send, { msgtype: 'm.text', body: 'x' }),
      await alice.request('GET', `${whoami}?x=/logout`),
      await alice.request('GET', `${whoami}?/logout?`),
    ]

    for (const { status, body } of replies) assert.deepEqual([status, body.errcode], [401, 'M_USER_LOCKED'])
  })

  it('T65 keeps locked users out and their sessions for later, and lets them log out', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const { loginToken } = await getLoginToken(alice)
    const refreshable = await server.anonymous.request('POST', path, password('alice', { refresh_token: true }))
    await lock(server, alice.userId, true)

    const replies = [
      await alice.request('GET', whoami),
      await server.anonymous.request('POST', path, password('alice')),
      await server.anonymous.request('POST', path, { type: 'm.login.token', token: loginToken }),
      await server.anonymous.request('POST', '/_matrix/client/v3/refresh', {
        refresh_token: refreshable.body.refresh_token,
      }),
    ]
    const wrong = await server.anonymous.request('POST', path, password('alice', { password: 'wrong password' }))
    await lock(server, alice.userId, false)
    const unlocked = await alice.request('GET', whoami)
    await lock(server, alice.userId, true)
    const logout = await alice.request('POST', '/_matrix/client/v3/logout')

    for (const reply of replies)
      assert.deepEqual([reply.status, reply.body.errcode, reply.body.soft_logout], [401, 'M_USER_LOCKED', true])
    assert.equal(wrong.body.errcode, 'M_FORBIDDEN')
    assert.equal(unlocked.status, 200)
    assert.equal(logout.status, 200)
  })

  it('T73 limits attempts on one account whatever address they come from, and of one address on any account', async () => {
    const burst = { per_second: 0.001, burst: 3 }
    const settings = { rate_limits: { login: burst }, listen: { port: 0, trusted_proxies: ['127.0.0.1'] } }
    await using server = await startTestServer({ settings })
    await server.register('alice')
    const tryFrom = async (ip: string, user: string) => {
      const headers = { 'x-forwarded-for': ip }
      const body = password(user, { password: 'wrong password' })
      return server.anonymous.request('POST', path, body, { headers })
    }

    for (const ip of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) assert.equal((await tryFrom(ip, 'alice')).status, 403)
    const sameAccount = await tryFrom('10.0.0.4', 'alice')
    for (const user of ['b', 'c', 'd']) assert.equal((await tryFrom('10.0.0.9', user)).status, 403)
    const sameAddress = await tryFrom('10.0.0.9', 'e')

    for (const reply of [sameAccount, sameAddress]) {
      assert.deepEqual([reply.status, reply.body.errcode], [429, 'M_LIMIT_EXCEEDED'])
      assert.ok(Number.isInteger(reply.body.retry_after_ms))
      assert.ok(reply.headers.get('retry-after'))
    }
  })
})

describe('login tokens', () => {
  it('need interactive approval, log another client in once and end after two minutes', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const asked = await alice.request('POST', '/_matrix/client/v1/login/get_token', {})
    const { loginToken, expiresInMs } = await getLoginToken(alice)
    const first = await server.anonymous.request('POST', path, { type: 'm.login.token', token: loginToken })
    const second = await server.anonymous.request('POST', path, { type: 'm.login.token', token: loginToken })
    const late = await getLoginToken(alice)
    await server.clock.advance(120_000)
    const expired = await server.anonymous.request('POST', path, { type: 'm.login.token', token: late.loginToken })

    assert.equal(asked.status, 401)
    assert.equal(expiresInMs, 120_000)
    assert.equal(first.body.user_id, alice.userId)
    assert.deepEqual([second.status, second.body.errcode], [403, 'M_FORBIDDEN'])
    assert.deepEqual([expired.status, expired.body.errcode], [403, 'M_FORBIDDEN'])
  })

  it('log in once when tried many times at once', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const { loginToken: token } = await getLoginToken(alice)

    const replies = await Promise.all(
      Array.from({ length: 8 }, () => server.anonymous.request('POST', path, { type: 'm.login.token', token })),
    )

    assert.equal(replies.filter(({ status }) => status === 200).length, 1)
  })

  it('T66 are refused where another kind of token is asked for', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const { loginToken } = await getLoginToken(alice)
    const refreshable = await server.anonymous.request('POST', path, password('alice', { refresh_token: true }))
    const { access_token: access, refresh_token: refresh } = refreshable.body
    const bearer = (token: string) =>
      server.anonymous.request('GET', whoami, undefined, { headers: { authorization: `Bearer ${token}` } })
    const kinds = [access, refresh, loginToken].map((token: string) => token.split('_')[0])

    assert.equal(new Set(kinds).size, 3)
    for (const token of [refresh, loginToken]) assert.equal((await bearer(token)).status, 401)
    for (const refresh_token of [access, loginToken])
      assert.equal(
        (await server.anonymous.request('POST', '/_matrix/client/v3/refresh', { refresh_token })).status,
        401,
      )
    for (const token of [access, refresh])
      assert.equal((await server.anonymous.request('POST', path, { type: 'm.login.token', token })).status, 403)
  })
})

type Client = Awaited<ReturnType<Awaited<ReturnType<typeof startTestServer>>['register']>>

async function getLoginToken(client: Client): Promise<{ loginToken: string; expiresInMs: number }> {
  const auth = { type: 'm.login.password', password: testPassword }
  const { body } = await client.request('POST', '/_matrix/client/v1/login/get_token', { auth })
  return { loginToken: body.login_token, expiresInMs: body.expires_in_ms }
}

async function lock({ context }: Awaited<ReturnType<typeof startTestServer>>, userId: UserId, isLocked: boolean) {
  await context.store.accounts.accounts.setLocked(userId, isLocked)
  context.bus.publish(sessionsChanged, { userId })
}
