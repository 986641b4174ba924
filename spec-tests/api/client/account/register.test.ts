import assert from 'node:assert/strict'
import { adminInvitation, createRegistrationToken } from '#services/accounts/registration/registration-token.ts'
import { startTestServer } from '../../../support/server/server.ts'

const path = '/_matrix/client/v3/register'
const available = '/_matrix/client/v3/register/available?username='
const password = 'a long enough password'
const dummy = { type: 'm.login.dummy' }

describe('registration', () => {
  it('answers {} with the flows, a session and no error code', async () => {
    await using server = await startTestServer()

    const { status, body } = await server.anonymous.request('POST', path, {})

    assert.equal(status, 401)
    assert.deepEqual(body.flows, [{ stages: ['m.login.dummy'] }])
    assert.deepEqual(body.params, {})
    assert.deepEqual(body.completed, [])
    assert.equal(typeof body.session, 'string')
    assert.ok(!('errcode' in body))
  })

  it('succeeds at once with a dummy stage and no session', async () => {
    await using server = await startTestServer()

    const { status, body } = await server.anonymous.request('POST', path, { username: 'alice', password, auth: dummy })

    assert.equal(status, 200)
    assert.equal(body.user_id, '@alice:test')
    assert.equal(body.home_server, 'test')
    assert.match(body.device_id, /^[A-Z]{10}$/)
    assert.ok(body.access_token)
    assert.ok(!('refresh_token' in body) && !('expires_in_ms' in body))
  })

  it('goes on with the session whether the client sends everything again, only auth, or more than at first', async () => {
    await using server = await startTestServer()
    const wanted = (username: string) => ({ username, password })
    const begin = async (body: object) => (await server.anonymous.request('POST', path, body)).body.session

    const all = { ...wanted('a'), auth: { ...dummy, session: await begin(wanted('a')) } }
    const onlyAuth = { auth: { ...dummy, session: await begin(wanted('b')) } }
    const more = { ...wanted('c'), auth: { ...dummy, session: await begin({}) } }

    for (const [body, userId] of [
      [all, '@a:test'],
      [onlyAuth, '@b:test'],
      [more, '@c:test'],
    ] as const) {
      const reply = await server.anonymous.request('POST', path, body)
      assert.deepEqual([reply.status, reply.body.user_id], [200, userId])
    }
  })

  it('honours inhibit_login, device_id, the display name and refresh_token', async () => {
    await using server = await startTestServer()
    const register = (body: object) => server.anonymous.request('POST', path, { password, auth: dummy, ...body })

    const silent = await register({ username: 'a', inhibit_login: true })
    const named = await register({
      username: 'b',
      device_id: 'DEVICE',
      initial_device_display_name: 'Telephone',
      refresh_token: true,
    })
    const headers = { authorization: `Bearer ${named.body.access_token}` }
    const devices = await server.anonymous.request('GET', '/_matrix/client/v3/devices', undefined, { headers })

    assert.deepEqual(silent.body, { user_id: '@a:test', home_server: 'test' })
    assert.equal(named.body.device_id, 'DEVICE')
    assert.equal(named.body.expires_in_ms, 3_600_000)
    assert.ok(named.body.refresh_token)
    assert.equal(devices.body.devices[0].display_name, 'Telephone')
  })

  it('makes a name when none is wished for', async () => {
    await using server = await startTestServer()

    const { body } = await server.anonymous.request('POST', path, { password, auth: dummy })

    assert.match(body.user_id, /^@[a-z0-9]{12}:test$/)
  })

  it('writes names in lower case and refuses those that are taken or ill-formed, before any stage', async () => {
    await using server = await startTestServer()
    const alice = await server.register('ALICE')
    const cases = [
      ['alice', 'M_USER_IN_USE'],
      ['Alice', 'M_USER_IN_USE'],
      ['', 'M_INVALID_USERNAME'],
      ['with space', 'M_INVALID_USERNAME'],
      ['@bob:test', 'M_INVALID_USERNAME'],
      ['bob:test', 'M_INVALID_USERNAME'],
      ['bøb', 'M_INVALID_USERNAME'],
      ['b\u0000b', 'M_INVALID_USERNAME'],
      ['b'.repeat(250), 'M_INVALID_USERNAME'],
    ]

    assert.equal(alice.userId, '@alice:test')
    for (const [username = '', errcode] of cases) {
      const reply = await server.anonymous.request('POST', path, { username, password })
      assert.deepEqual([reply.status, reply.body.errcode], [400, errcode], username)
    }
  })

  it('says whether a name is available', async () => {
    await using server = await startTestServer()
    await server.register('alice')

    const free = await server.anonymous.request('GET', available + 'bob')
    const taken = await server.anonymous.request('GET', available + 'alice')
    const wrong = await server.anonymous.request('GET', available + 'b%20b')
    const missing = await server.anonymous.request('GET', '/_matrix/client/v3/register/available')

    assert.deepEqual(free.body, { available: true })
    assert.deepEqual([taken.status, taken.body.errcode], [400, 'M_USER_IN_USE'])
    assert.deepEqual([wrong.status, wrong.body.errcode], [400, 'M_INVALID_USERNAME'])
    assert.deepEqual([missing.status, missing.body.errcode], [400, 'M_MISSING_PARAM'])
  })

  it('refuses names that an application service keeps for itself', async () => {
    await using server = await startTestServer()
    server.context.userNamespaces = {
      exclusiveOwner: (userId) => (userId.startsWith('@_irc_') ? 'irc' : undefined),
      mayActAs: () => false,
    }

    const register = await server.anonymous.request('POST', path, { username: '_irc_bob', password, auth: dummy })
    const ask = await server.anonymous.request('GET', available + '_irc_bob')

    assert.deepEqual([register.status, register.body.errcode], [400, 'M_EXCLUSIVE'])
    assert.deepEqual([ask.status, ask.body.errcode], [400, 'M_EXCLUSIVE'])
  })

  it('refuses missing and weak passwords, and guests', async () => {
    await using server = await startTestServer()
    const register = (body: object, query = '') => server.anonymous.request('POST', path + query, body)

    const missing = await register({ username: 'alice', auth: dummy })
    const weak = await register({ username: 'alice', password: 'short', auth: dummy })
    const guest = await register({}, '?kind=guest')
    const kind = await register({}, '?kind=other')

    assert.deepEqual([missing.status, missing.body.errcode], [400, 'M_MISSING_PARAM'])
    assert.deepEqual([weak.status, weak.body.errcode], [400, 'M_WEAK_PASSWORD'])
    assert.deepEqual([guest.status, guest.body.errcode], [403, 'M_FORBIDDEN'])
    assert.equal(kind.status, 400)
  })

  it('is refused with 403 when closed, while others take no notice', async () => {
    await using server = await startTestServer({ settings: { registration: { mode: 'closed' } } })
    await createRegistrationToken(server.context, { token: 'left-over' })

    const flows = await server.anonymous.request('POST', path, {})
    const dummyStage = await server.anonymous.request('POST', path, { username: 'alice', password, auth: dummy })
    const ask = await server.anonymous.request('GET', available + 'alice')

    for (const reply of [flows, dummyStage, ask])
      assert.deepEqual([reply.status, reply.body.errcode], [403, 'M_FORBIDDEN'])
  })

  it('makes nobody administrator by being first', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    assert.equal((await server.context.store.accounts.accounts.find(alice.userId))?.isAdmin, false)
  })

  it('T76 makes one account of many parallel requests in whatever case', async () => {
    await using server = await startTestServer()
    const names = ['alice', 'Alice', 'ALICE', 'aLICE', 'alice', 'alicE']

    const replies = await Promise.all(
      names.map((username) => server.anonymous.request('POST', path, { username, password, auth: dummy })),
    )

    const refused = replies.filter(({ status }) => status !== 200)
    assert.equal(refused.length, names.length - 1)
    for (const { status, body } of refused) assert.deepEqual([status, body.errcode], [400, 'M_USER_IN_USE'])
  })

  it('T73 is limited by address', async () => {
    await using server = await startTestServer({
      settings: { rate_limits: { register: { per_second: 0.001, burst: 2 } } },
    })
    const ask = () => server.anonymous.request('POST', path, {})

    const statuses = [(await ask()).status, (await ask()).status, (await ask()).status]

    assert.deepEqual(statuses, [401, 401, 429])
  })
})

describe('registration tokens', () => {
  const validity = (token: string) =>
    `/_matrix/client/v1/register/m.login.registration_token/validity?token=${encodeURIComponent(token)}`
  const stage = (token: string, session?: string) => ({ type: 'm.login.registration_token', token, session })
  const withTokens = () => startTestServer({ settings: { registration: { mode: 'token' } } })

  it('open registration as often as they allow', async () => {
    await using server = await withTokens()
    await createRegistrationToken(server.context, { token: 'twice', usesAllowed: 2 })
    const register = (username: string) =>
      server.anonymous.request('POST', path, { username, password, auth: stage('twice') })

    const flows = await server.anonymous.request('POST', path, {})
    const before = await server.anonymous.request('GET', validity('twice'))
    const first = await register('a')
    const second = await register('b')
    const third = await register('c')
    const after = await server.anonymous.request('GET', validity('twice'))

    assert.deepEqual(flows.body.flows, [{ stages: ['m.login.registration_token'] }])
    assert.deepEqual([first.status, second.status], [200, 200])
    assert.deepEqual([third.status, third.body.errcode], [401, 'M_FORBIDDEN'])
    assert.deepEqual([before.body, after.body], [{ valid: true }, { valid: false }])
  })

  it('are used once even by parallel requests that passed the stage before', async () => {
    await using server = await withTokens()
    await createRegistrationToken(server.context, { token: 'once', usesAllowed: 1 })

    const replies = await Promise.all(
      ['a', 'b', 'c', 'd'].map((username) =>
        server.anonymous.request('POST', path, { username, password, auth: stage('once') }),
      ),
    )

    assert.equal(replies.filter(({ status }) => status === 200).length, 1)
  })

  it('expire, and are refused when unknown; the session may be tried again', async () => {
    await using server = await withTokens()
    const expiresAt = server.clock.now() + 1000
    await createRegistrationToken(server.context, { token: 'brief', expiresAt })
    await createRegistrationToken(server.context, { token: 'lasting' })

    const wrong = await server.anonymous.request('POST', path, { username: 'a', password, auth: stage('unknown') })
    const { session } = wrong.body
    await server.clock.advance(1000)
    const late = await server.anonymous.request('POST', path, {
      username: 'a',
      password,
      auth: stage('brief', session),
    })
    const right = await server.anonymous.request('POST', path, { auth: stage('lasting', session) })

    for (const reply of [wrong, late]) {
      assert.deepEqual([reply.status, reply.body.errcode], [401, 'M_FORBIDDEN'])
      assert.equal(reply.body.session, session)
      assert.deepEqual(reply.body.flows, [{ stages: ['m.login.registration_token'] }])
    }
    assert.deepEqual([right.status, right.body.user_id], [200, '@a:test'])
  })

  it('cannot be passed over with a stage that is not offered', async () => {
    await using server = await withTokens()

    for (const type of ['m.login.dummy', 'm.login.password', '__proto__', 'constructor']) {
      const reply = await server.anonymous.request('POST', path, { username: 'a', password, auth: { type } })
      assert.deepEqual([reply.status, reply.body.errcode], [401, 'M_FORBIDDEN'])
    }
  })
})

describe('invitation of the first administrator', () => {
  const token = (invitation: string | undefined) => ({ type: 'm.login.registration_token', token: invitation })

  it('registers one administrator even while registration is closed', async () => {
    await using server = await startTestServer({ settings: { registration: { mode: 'closed' } } })
    const invitation = await adminInvitation(server.context)
    const register = (username: string) =>
      server.anonymous.request('POST', path, { username, password, auth: token(invitation) })

    const flows = await server.anonymous.request('POST', path, {})
    const first = await register('root')
    const second = await register('other')

    assert.deepEqual(flows.body.flows, [{ stages: ['m.login.registration_token'] }])
    assert.equal(first.status, 200)
    assert.equal((await server.context.store.accounts.accounts.find('@root:test'))?.isAdmin, true)
    assert.deepEqual([second.status, second.body.errcode], [403, 'M_FORBIDDEN'])
    assert.equal(await adminInvitation(server.context), undefined)
  })

  it('is replaced by the next one, and stands beside open registration', async () => {
    await using server = await startTestServer()
    const old = await adminInvitation(server.context)
    const current = await adminInvitation(server.context)

    const flows = await server.anonymous.request('POST', path, {})
    const byOld = await server.anonymous.request('POST', path, { username: 'a', password, auth: token(old) })
    const plain = await server.anonymous.request('POST', path, { username: 'b', password, auth: dummy })
    const byCurrent = await server.anonymous.request('POST', path, { username: 'c', password, auth: token(current) })

    assert.deepEqual(flows.body.flows, [{ stages: ['m.login.dummy'] }, { stages: ['m.login.registration_token'] }])
    assert.equal(byOld.status, 401)
    assert.equal((await server.context.store.accounts.accounts.find(plain.body.user_id))?.isAdmin, false)
    assert.equal((await server.context.store.accounts.accounts.find(byCurrent.body.user_id))?.isAdmin, true)
  })
})
