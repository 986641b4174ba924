import assert from 'node:assert/strict'
import { createRegistrationToken } from '#services/accounts/registration/registration-token.ts'
import { testClient, testPassword } from '../../../support/server/client.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'

const path = '/_matrix/client/v3/register'
const wanted = { username: 'alice', password: testPassword, device_id: 'PHONE' }
const dummy = (session: string) => ({ type: 'm.login.dummy', session })
const begin = async (server: TestServer, body: object = wanted): Promise<string> =>
  (await server.anonymous.request('POST', path, body)).body.session
const whoami = async (server: TestServer, token: string) =>
  (await testClient(server.url, token).request('GET', '/_matrix/client/v3/account/whoami')).body

describe('a registration that has finished', () => {
  it('N33 answers the same account when it comes again with its session', async () => {
    await using server = await startTestServer()
    const session = await begin(server)

    const first = await server.anonymous.request('POST', path, { ...wanted, auth: dummy(session) })
    const again = await server.anonymous.request('POST', path, { ...wanted, auth: dummy(session) })
    const bare = await server.anonymous.request('POST', path, { auth: { session } })

    for (const { status, body } of [first, again, bare])
      assert.deepEqual([status, body.user_id, body.device_id], [200, '@alice:test', 'PHONE'])
    assert.equal((await whoami(server, bare.body.access_token)).user_id, '@alice:test')
    assert.equal((await whoami(server, first.body.access_token)).errcode, 'M_UNKNOWN_TOKEN')
  })

  it('N33 is one account when it comes twice at once, named or not, and uses a token once', async () => {
    await using server = await startTestServer({ settings: { registration: { mode: 'token' } } })
    const token = await createRegistrationToken(server.context, { usesAllowed: 1 })
    for (const body of [{ password: testPassword }]) {
      const session = await begin(server, body)
      const auth = { type: 'm.login.registration_token', token, session }
      const replies = await Promise.all(
        Array.from({ length: 4 }, () => server.anonymous.request('POST', path, { ...body, auth })),
      )

      assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]))
      assert.equal(new Set(replies.map((reply) => reply.body.user_id)).size, 1)
    }
  })

  it('N33 answers nobody else: not another body, another session, or after the session has ended', async () => {
    await using server = await startTestServer()
    const session = await begin(server)
    const done = await server.anonymous.request('POST', path, { ...wanted, auth: dummy(session) })

    const other = { ...wanted, password: 'another long password' }
    const refusals = [
      await server.anonymous.request('POST', path, { ...other, auth: dummy(session) }),
      await server.anonymous.request('POST', path, { ...wanted, auth: dummy('myi_unknown') }),
      await server.anonymous.request('POST', path, { ...wanted, auth: { type: 'm.login.dummy' } }),
    ]
    await server.clock.advance(900_000)
    refusals.push(await server.anonymous.request('POST', path, { ...wanted, auth: dummy(session) }))

    assert.equal(done.status, 200)
    for (const { status } of refusals) assert.ok(status >= 400, String(status))
  })

  it('N33 gives no session of an account that has ended', async () => {
    await using server = await startTestServer()
    const session = await begin(server)
    const { body } = await server.anonymous.request('POST', path, { ...wanted, auth: dummy(session) })
    const auth = { type: 'm.login.password', password: testPassword }
    const alice = testClient(server.url, body.access_token)
    await alice.request('POST', '/_matrix/client/v3/account/deactivate', { auth })

    const again = await server.anonymous.request('POST', path, { ...wanted, auth: dummy(session) })

    assert.deepEqual([again.status, again.body.errcode], [400, 'M_USER_IN_USE'])
  })
})

describe('new accounts', () => {
  it('N40 are shown by their localpart, however they are made, unless configured otherwise', async () => {
    await using server = await startTestServer()
    await using bare = await startTestServer({
      settings: { registration: { mode: 'open', default_display_name: 'none' } },
    })
    const alice = await server.register('alice')
    await bare.register('alice')
    const { body } = await server.anonymous.request('POST', path, {
      password: testPassword,
      auth: { type: 'm.login.dummy' },
    })
    const profile = async ({ anonymous }: TestServer, userId: string) =>
      (await anonymous.request('GET', `/_matrix/client/v3/profile/${encodeURIComponent(userId)}`)).body

    assert.deepEqual(await profile(server, alice.userId), { displayname: 'alice' })
    assert.deepEqual(await profile(server, body.user_id), { displayname: body.user_id.slice(1, -':test'.length) })
    assert.deepEqual(await profile(bare, '@alice:test'), {})
  })
})

describe('the ways to log in', () => {
  it('N42 are those that can be used', async () => {
    await using server = await startTestServer()
    const types = async () =>
      (await server.anonymous.request('GET', '/_matrix/client/v3/login')).body.flows.map(
        ({ type }: { type: string }) => type,
      )

    const before = await types()
    server.context.userNamespaces = { ...server.context.userNamespaces, hasAny: true }

    assert.deepEqual(before, ['m.login.password', 'm.login.token'])
    assert.deepEqual(await types(), [...before, 'm.login.application_service'])
  })
})
