import assert from 'node:assert/strict'
import { testPassword } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'

const passwordPath = '/_matrix/client/v3/account/password'
const deletePath = '/_matrix/client/v3/delete_devices'
const stage = (session?: string, password = testPassword) => ({
  type: 'm.login.password',
  identifier: { type: 'm.id.user', user: 'alice' },
  password,
  session,
})

describe('user-interactive authentication', () => {
  it('asks for the password in the form clients read', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const { status, body } = await alice.request('POST', deletePath, { devices: [] })

    assert.equal(status, 401)
    assert.deepEqual(body.flows, [{ stages: ['m.login.password'] }])
    assert.deepEqual([body.params, body.completed], [{}, []])
    assert.ok(typeof body.session === 'string' && !('errcode' in body))
  })

  it('takes the body of the first request when the second has auth alone', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const other = await server.login('alice')
    const asked = await alice.request('POST', deletePath, { devices: [other.deviceId] })

    const done = await alice.request('POST', deletePath, { auth: stage(asked.body.session) })
    const { body } = await alice.request('GET', '/_matrix/client/v3/devices')

    assert.deepEqual([done.status, done.body], [200, {}])
    assert.equal(body.devices.length, 1)
  })

  it('compares bodies whatever they hold and in whatever order', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const { session } = (await alice.request('POST', deletePath, '{"devices":[],"x":1.5,"__proto__":{"a":1}}')).body
    const auth = JSON.stringify(stage(session))

    const changed = await alice.request('POST', deletePath, `{"x":1.5,"__proto__":{"a":2},"devices":[],"auth":${auth}}`)
    const same = await alice.request('POST', deletePath, `{"__proto__":{"a":1},"auth":${auth},"x":1.5,"devices":[]}`)

    assert.deepEqual([changed.status, same.status], [403, 200])
  })

  it('accepts the user in every form, and no name at all', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const base = { type: 'm.login.password', password: testPassword }
    const forms = [
      { ...base, identifier: { type: 'm.id.user', user: 'alice' } },
      { ...base, identifier: { type: 'm.id.user', user: '@alice:test' } },
      { ...base, user: '@alice:test' },
      { ...base, user: 'ALICE' },
      base,
    ]

    for (const auth of forms) {
      const { body } = await alice.request('POST', deletePath, { devices: [] })
      const done = await alice.request('POST', deletePath, { devices: [], auth: { ...auth, session: body.session } })
      assert.equal(done.status, 200)
    }
  })

  it('answers a failed stage with 401, the flows and an error, after which the session goes on', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const { session } = (await alice.request('POST', deletePath, { devices: [] })).body

    const failed = await alice.request('POST', deletePath, { devices: [], auth: stage(session, 'wrong password') })
    const done = await alice.request('POST', deletePath, { devices: [], auth: stage(session) })

    assert.equal(failed.status, 401)
    assert.equal(failed.body.errcode, 'M_FORBIDDEN')
    assert.ok(failed.body.error)
    assert.deepEqual([failed.body.session, failed.body.completed], [session, []])
    assert.deepEqual(failed.body.flows, [{ stages: ['m.login.password'] }])
    assert.equal(done.status, 200)
  })

  it('begins anew when the session is unknown, used or older than a quarter of an hour', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const begin = async () => (await alice.request('POST', deletePath, { devices: [] })).body.session
    const used = await begin()
    await alice.request('POST', deletePath, { auth: stage(used) })
    const old = await begin()
    await server.clock.advance(900_000)

    for (const session of [used, old, 'unknown']) {
      const reply = await alice.request('POST', deletePath, { devices: [], auth: stage(session) })
      assert.equal(reply.status, 401)
      assert.notEqual(reply.body.session, session)
      const done = await alice.request('POST', deletePath, { devices: [], auth: stage(reply.body.session) })
      assert.equal(done.status, 200)
    }
  })

  it('T68 takes only a stage that is offered', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const { session } = (await alice.request('POST', deletePath, { devices: [] })).body
    const attempts = [
      { type: 'm.login.dummy', session },
      { type: 'm.login.registration_token', token: 'x', session },
      { password: testPassword, user: 'alice', session },
      { type: 'password', password: testPassword, session },
      { type: '__proto__', session },
      { session },
      {},
    ]

    for (const auth of attempts) assert.equal((await alice.request('POST', deletePath, { auth })).status, 401)
    for (const auth of [null, 'x', 5, [], true])
      assert.equal((await alice.request('POST', deletePath, { devices: [], auth })).status, 401)
  })

  it('T68 takes the password of the user who asks and of nobody else', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const auth = { type: 'm.login.password', password: 'password of mallory' }
    const mallory = { username: 'mallory', password: auth.password, auth: { type: 'm.login.dummy' } }
    await server.anonymous.request('POST', '/_matrix/client/v3/register', mallory)

    const attempt = async (identifier: object | undefined, password: string) => {
      const reply = await alice.request('POST', deletePath, { devices: [], auth: { ...auth, password, identifier } })
      assert.equal(reply.body.errcode, 'M_FORBIDDEN')
      return reply.status
    }
    assert.equal(await attempt({ type: 'm.id.thirdparty' }, auth.password), 401)
    assert.equal(await attempt(undefined, auth.password), 401)
    // Of another user not even the password is tried.
    for (const password of [auth.password, 'wrong'])
      assert.equal(await attempt({ type: 'm.id.user', user: 'mallory' }, password), 403)
  })

  it('T68 binds a session to its user, its path and its body', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const body = { devices: ['ONE'] }
    const { session } = (await alice.request('POST', deletePath, body)).body
    const auth = stage(session)

    const replies = [
      await bob.request('POST', deletePath, { ...body, auth }),
      await alice.request('POST', deletePath, { devices: ['TWO'], auth }),
      await alice.request('DELETE', '/_matrix/client/v3/devices/ONE', { auth }),
      await alice.request('POST', '/_matrix/client/v3/account/deactivate', { auth }),
      await server.anonymous.request('POST', '/_matrix/client/v3/register', { auth }),
    ]
    const one = (await alice.request('DELETE', '/_matrix/client/v3/devices/ONE', {})).body.session
    replies.push(await alice.request('DELETE', '/_matrix/client/v3/devices/TWO', { auth: stage(one) }))
    const right = await alice.request('POST', deletePath, { auth, ...body })

    for (const reply of replies) assert.deepEqual([reply.status, reply.body.errcode], [403, 'M_FORBIDDEN'])
    assert.equal(right.status, 200)
  })

  it('T68 approves one request even when it is sent many times at once', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const body = { new_password: 'a new long password', logout_devices: false }
    const { session } = (await alice.request('POST', passwordPath, body)).body

    const replies = await Promise.all(
      Array.from({ length: 6 }, () => alice.request('POST', passwordPath, { auth: stage(session) })),
    )

    assert.equal(replies.filter(({ status }) => status === 200).length, 1)
  })

  it('N25 keeps the sessions of one user begun last, and no large bodies', async () => {
    await using server = await startTestServer({
      settings: { limits: { interactive_sessions: 3, interactive_body_bytes: 1000 } },
    })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const others = (await bob.request('POST', deletePath, { devices: [] })).body.session
    const sessions = []
    for (let i = 0; i < 4; i++) {
      sessions.push((await alice.request('POST', deletePath, { devices: [] })).body.session)
      await server.clock.advance(1000)
    }

    const [oldest, newest] = [sessions[0], sessions[3]]
    const gone = await alice.request('POST', deletePath, { devices: [], auth: stage(oldest) })
    const large = await alice.request('POST', deletePath, { devices: ['x'.repeat(1000)] })
    const done = await alice.request('POST', deletePath, { devices: [], auth: stage(newest) })
    const auth = { type: 'm.login.password', password: testPassword, session: others }

    assert.equal(gone.status, 401)
    assert.deepEqual([large.status, large.body.errcode], [413, 'M_TOO_LARGE'])
    assert.equal(done.status, 200)
    assert.equal((await bob.request('POST', deletePath, { devices: [], auth })).status, 200)
  })

  it('N25 keeps the registrations of one address begun last', async () => {
    await using server = await startTestServer({ settings: { limits: { interactive_sessions: 2 } } })
    const register = '/_matrix/client/v3/register'
    const wanted = { username: 'bob', password: testPassword }
    const sessions: string[] = []
    for (let i = 0; i < 3; i++) {
      sessions.push((await server.anonymous.request('POST', register, wanted)).body.session)
      await server.clock.advance(1000)
    }
    const finish = (session?: string) =>
      server.anonymous.request('POST', register, { ...wanted, auth: { type: 'm.login.dummy', session } })

    assert.equal((await finish(sessions[0])).status, 401)
    assert.equal((await finish(sessions[2])).status, 200)
  })

  it('T73 limits guesses of the password', async () => {
    const settings = { rate_limits: { login: { per_second: 0.001, burst: 4 } } }
    await using server = await startTestServer({ settings })
    const alice = await server.register('alice')
    const guess = () => alice.request('POST', deletePath, { devices: [], auth: stage(undefined, 'wrong password') })

    const statuses = []
    for (let i = 0; i < 5; i++) statuses.push((await guess()).status)

    assert.deepEqual(statuses, [401, 401, 401, 401, 429])
  })
})

describe('the fallback page', () => {
  const page = (type: string, session: string) => `/_matrix/client/v3/auth/${type}/fallback/web?session=${session}`
  const form = (server: { url: string }, path: string, fields: Record<string, string>) =>
    fetch(server.url + path, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' })

  it('passes a stage outside the client, which then sends the session alone', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const other = await server.login('alice')
    const { session } = (await alice.request('POST', deletePath, { devices: [other.deviceId] })).body
    const path = page('m.login.password', session)

    const shown = await server.anonymous.request('GET', path)
    const wrong = await form(server, path, { password: 'wrong password' })
    const before = await alice.request('POST', deletePath, { auth: { session } })
    const right = await form(server, path, { password: testPassword })
    const after = await alice.request('POST', deletePath, { auth: { session } })

    assert.equal(shown.status, 200)
    assert.match(shown.headers.get('content-type') ?? '', /^text\/html/)
    assert.match(shown.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/)
    assert.equal(wrong.status, 403)
    assert.deepEqual([before.status, before.body.completed], [401, []])
    assert.match(await right.text(), /window\.onAuthDone\(\)[\s\S]*postMessage\("authDone", ?"\*"\)/)
    assert.equal(after.status, 200)
  })

  it('serves registration, and nothing for strange stages and sessions', async () => {
    await using server = await startTestServer()
    const register = '/_matrix/client/v3/register'
    const wanted = { username: 'bob', password: testPassword }
    const { session } = (await server.anonymous.request('POST', register, wanted)).body

    const strange = [
      await server.anonymous.request('GET', page('m.login.recaptcha', session)),
      await server.anonymous.request('GET', page('m.login.dummy', 'unknown')),
      await server.anonymous.request('GET', page('%3Cscript%3E', session)),
    ]
    const foreign = await form(server, page('m.login.password', session), { password: testPassword })
    const done = await form(server, page('m.login.dummy', session), {})
    const registered = await server.anonymous.request('POST', register, { auth: { session } })

    for (const { status } of strange) assert.equal(status, 404)
    assert.equal(foreign.status, 403)
    assert.equal(done.status, 200)
    assert.equal(registered.body.user_id, '@bob:test')
  })
})
