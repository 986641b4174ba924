import assert from 'node:assert/strict'
import { accepted, refused, testPassword, type TestUser } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'

const pathOf = ({ userId }: { userId: string }) =>
  `/_matrix/client/v3/user/${encodeURIComponent(userId)}/openid/request_token`
const userinfo = (token: string) => `/_matrix/federation/v1/openid/userinfo?access_token=${encodeURIComponent(token)}`

describe('OpenID tokens', () => {
  it('tell a third party who the user is, for an hour', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const { access_token: token, ...rest } = accepted(await alice.request('POST', pathOf(alice), {}))
    const known = accepted(await server.anonymous.request('GET', userinfo(token)))
    await server.clock.advance(3_600_000)

    assert.deepEqual(rest, { token_type: 'Bearer', matrix_server_name: 'test', expires_in: 3600 })
    assert.deepEqual(known, { sub: alice.userId })
    refused(await server.anonymous.request('GET', userinfo(token)), 401, 'M_UNKNOWN_TOKEN')
  })

  it('N31 end with the session that asked for them, and with the account', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const other = await server.login('alice')
    const issue = async (user: TestUser): Promise<string> =>
      accepted(await user.request('POST', pathOf(user), {})).access_token
    const ends = async (token: string, act: () => Promise<unknown>) => {
      accepted(await server.anonymous.request('GET', userinfo(token)))
      await act()
      refused(await server.anonymous.request('GET', userinfo(token)), 401, 'M_UNKNOWN_TOKEN')
    }
    const kept = await issue(alice)

    await ends(await issue(other), () => other.request('POST', '/_matrix/client/v3/logout', {}))
    accepted(await server.anonymous.request('GET', userinfo(kept)))
    await ends(kept, () => alice.request('POST', '/_matrix/client/v3/logout/all', {}))
    const last = await server.login('alice')
    const auth = { type: 'm.login.password', password: testPassword }
    await ends(await issue(last), () => last.request('POST', '/_matrix/client/v3/account/deactivate', { auth }))
  })

  it('N31 are limited in number, the newest stay', async () => {
    await using server = await startTestServer({ settings: { limits: { openid_tokens_per_user: 2 } } })
    const alice = await server.register('alice')
    const tokens = []
    for (let i = 0; i < 3; i++) {
      tokens.push(accepted(await alice.request('POST', pathOf(alice), {})).access_token)
      await server.clock.advance(1000)
    }

    const statuses = await Promise.all(
      tokens.map(async (token) => (await server.anonymous.request('GET', userinfo(token))).status),
    )

    assert.deepEqual(statuses, [401, 200, 200])
  })

  it('are nothing but that', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const { access_token: token } = accepted(await alice.request('POST', pathOf(alice), {}))

    refused(await bob.request('POST', pathOf(alice), {}), 403, 'M_FORBIDDEN')
    refused(await server.anonymous.request('GET', userinfo(alice.accessToken)), 401, 'M_UNKNOWN_TOKEN')
    const asAccess = { headers: { authorization: `Bearer ${token}` } }
    refused(
      await server.anonymous.request('GET', '/_matrix/client/v3/account/whoami', undefined, asAccess),
      401,
      'M_UNKNOWN_TOKEN',
    )
    refused(await server.anonymous.request('GET', '/_matrix/federation/v1/openid/userinfo'), 400, 'M_MISSING_PARAM')
  })
})

describe('what this server does without', () => {
  it('answers clients that ask for relays and bridges', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const get = (path: string) => alice.request('GET', `/_matrix/client/v3/${path}`)

    assert.deepEqual(accepted(await get('voip/turnServer')), {})
    assert.deepEqual(accepted(await get('thirdparty/protocols')), {})
    assert.deepEqual(accepted(await get('thirdparty/user?userid=@a:b')), [])
    refused(await get('thirdparty/protocol/irc'), 404, 'M_NOT_FOUND')
    refused(await server.anonymous.request('GET', '/_matrix/client/v3/voip/turnServer'), 401, 'M_MISSING_TOKEN')
  })
})
