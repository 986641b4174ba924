import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { testPassword } from '../../support/server/client.ts'
import { startTestServer, type TestServer } from '../../support/server/server.ts'

const path = '/_synapse/admin/v1/register'
const secret = 'test secret'

type Wanted = { username: string; password?: string; admin?: boolean; user_type?: string }

const nonceOf = async (server: TestServer) => (await server.anonymous.request('GET', path)).body.nonce as string

const sign = (nonce: string, { username, password = testPassword, admin = false, user_type }: Wanted, key = secret) =>
  createHmac('sha1', key)
    .update([nonce, username, password, admin ? 'admin' : 'notadmin', ...(user_type ? [user_type] : [])].join('\0'))
    .digest('hex')

const register = (server: TestServer, nonce: string, wanted: Wanted, mac = sign(nonce, wanted)) =>
  server.anonymous.request('POST', path, { nonce, password: testPassword, ...wanted, mac })

describe('registration with the shared secret', () => {
  it('makes accounts and administrators, whatever the registration rules', async () => {
    const settings = { registration: { mode: 'closed', shared_secret: secret } }
    await using server = await startTestServer({ settings })

    const plain = await register(server, await nonceOf(server), { username: 'alice' })
    const admin = await register(server, await nonceOf(server), { username: 'root', admin: true, user_type: 'bot' })
    const { find } = server.context.store.accounts.accounts

    assert.equal(plain.body.user_id, '@alice:test')
    assert.ok(plain.body.access_token && plain.body.device_id)
    assert.equal((await find('@alice:test'))?.isAdmin, false)
    assert.equal((await find(admin.body.user_id))?.isAdmin, true)
    assert.equal((await find(admin.body.user_id))?.userType, 'bot')
    assert.equal((await server.login('alice')).userId, '@alice:test')
  })

  it('takes a nonce once, within a minute', async () => {
    await using server = await startTestServer()
    const used = await nonceOf(server)
    await register(server, used, { username: 'alice' })
    const old = await nonceOf(server)
    await server.clock.advance(60_000)

    for (const nonce of [used, old, 'unknown', '']) {
      const reply = await register(server, nonce, { username: 'bob' })
      assert.deepEqual([reply.status, reply.body.errcode], [400, 'M_UNKNOWN'])
    }
  })

  it('refuses whatever was not signed with the secret', async () => {
    await using server = await startTestServer()
    const wanted = { username: 'alice' }
    const macs = [
      (nonce: string) => sign(nonce, wanted, 'another secret'),
      (nonce: string) => sign(nonce, { ...wanted, admin: true }),
      (nonce: string) => sign(nonce, { username: 'bob' }),
      () => '',
      () => 'no hex',
      () => '0'.repeat(40),
    ]

    for (const mac of macs) {
      const nonce = await nonceOf(server)
      const reply = await register(server, nonce, wanted, mac(nonce))
      assert.deepEqual([reply.status, reply.body.errcode], [403, 'M_FORBIDDEN'])
    }
  })

  it('refuses fields that hold the separator of the signed text', async () => {
    await using server = await startTestServer()
    const nonce = await nonceOf(server)
    const signed = { username: 'alice', password: `${testPassword}\0notadmin\0x`, admin: true }

    const reply = await register(server, nonce, signed)

    assert.equal(reply.status, 400)
    assert.equal(await server.context.store.accounts.accounts.hasAdmin(), false)
  })

  it('says when a name is taken, and refuses requests that lack something', async () => {
    await using server = await startTestServer()
    await server.register('alice')

    const taken = await register(server, await nonceOf(server), { username: 'alice' })
    const missing = await server.anonymous.request('POST', path, {})

    assert.deepEqual([taken.status, taken.body.errcode], [400, 'M_USER_IN_USE'])
    assert.deepEqual([missing.status, missing.body.errcode], [400, 'M_MISSING_PARAM'])
  })

  it('is not there when no secret is configured', async () => {
    await using server = await startTestServer({ settings: { registration: { mode: 'open' } } })

    const get = await server.anonymous.request('GET', path)
    const post = await register(server, 'nonce', { username: 'alice' })

    for (const reply of [get, post]) assert.deepEqual([reply.status, reply.body.errcode], [400, 'M_UNKNOWN'])
  })
})
