import assert from 'node:assert/strict'
import { jobsChanged } from '#bus/topics.ts'
import { createAccount } from '#services/accounts/registration/create-account.ts'
import { resetPassword } from '#services/accounts/passwords/change-password.ts'
import { accepted, refused, testClient, testPassword } from '../../../support/server/client.ts'
import { act, createRoom, join, leave, putState, roomPath, sendText } from '../../../support/rooms/rooms.ts'
import { silent, startTestServer, type TestServer } from '../../../support/server/server.ts'

const passwordPath = '/_matrix/client/v3/account/password'
const deactivatePath = '/_matrix/client/v3/account/deactivate'
const whoami = '/_matrix/client/v3/account/whoami'
const auth = { type: 'm.login.password', password: testPassword }
const newPassword = 'another long password'

const login = (server: TestServer, user: string, password: string) =>
  server.anonymous.request('POST', '/_matrix/client/v3/login', {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user },
    password,
  })

describe('password change', () => {
  it('replaces the password and logs all other devices out', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const other = await server.login('alice')

    const { status } = await alice.request('POST', passwordPath, { new_password: newPassword, auth })

    assert.equal(status, 200)
    assert.equal((await login(server, 'alice', testPassword)).status, 403)
    assert.equal((await login(server, 'alice', newPassword)).status, 200)
    assert.equal((await alice.request('GET', whoami)).status, 200)
    assert.equal((await other.request('GET', whoami)).status, 401)
  })

  it('happens with the logout of the other devices or not at all', async () => {
    await using server = await startTestServer({ log: silent })
    const alice = await server.register('alice')
    const other = await server.login('alice')
    const { store } = server.context
    const { transaction } = store
    store.transaction = (work) =>
      transaction((tx) =>
        work({
          ...tx,
          accounts: {
            ...tx.accounts,
            devices: { ...tx.accounts.devices, delete: () => Promise.reject(new Error('cut off')) },
          },
        }),
      )

    const { status } = await alice.request('POST', passwordPath, { new_password: newPassword, auth })
    store.transaction = transaction

    assert.equal(status, 500)
    assert.equal((await login(server, 'alice', newPassword)).status, 403)
    assert.equal((await login(server, 'alice', testPassword)).status, 200)
    assert.equal((await other.request('GET', whoami)).status, 200)
  })

  it('lets nobody in whose login by the old password was under way', async () => {
    await using server = await startTestServer()
    await server.register('alice')
    const { store } = server.context
    const { transaction } = store
    store.transaction = async (work) => {
      store.transaction = transaction
      await resetPassword(server.context, { user: 'alice', password: newPassword })
      return transaction(work)
    }

    const late = await login(server, 'alice', testPassword)

    refused(late, 403, 'M_FORBIDDEN')
    assert.equal((await login(server, 'alice', newPassword)).status, 200)
  })

  it('leaves the other devices alone when asked to', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const other = await server.login('alice')

    await alice.request('POST', passwordPath, { new_password: newPassword, logout_devices: false, auth })

    assert.equal((await other.request('GET', whoami)).status, 200)
  })

  it('refuses short and absurdly long passwords before anything else', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const short = await alice.request('POST', passwordPath, { new_password: '1234567', auth })
    const long = await alice.request('POST', passwordPath, { new_password: 'x'.repeat(513), auth })
    const missing = await alice.request('POST', passwordPath, { auth })

    assert.deepEqual([short.status, short.body.errcode], [400, 'M_WEAK_PASSWORD'])
    assert.deepEqual([long.status, long.body.errcode], [400, 'M_INVALID_PARAM'])
    assert.deepEqual([missing.status, missing.body.errcode], [400, 'M_MISSING_PARAM'])
    assert.equal((await login(server, 'alice', testPassword)).status, 200)
  })

  it('needs the present password', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const wrong = { ...auth, password: 'wrong password' }
    const { status } = await alice.request('POST', passwordPath, { new_password: newPassword, auth: wrong })

    assert.equal(status, 401)
    assert.equal((await login(server, 'alice', newPassword)).status, 403)
  })
})

describe('deactivation', () => {
  it('needs approval, ends every token and keeps the name taken', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const other = await server.login('alice')

    const asked = await alice.request('POST', deactivatePath, {})
    const done = await alice.request('POST', deactivatePath, { auth: { ...auth, session: asked.body.session } })
    const again = await server.anonymous.request('GET', '/_matrix/client/v3/register/available?username=alice')

    assert.equal(asked.status, 401)
    assert.deepEqual([done.status, done.body], [200, { id_server_unbind_result: 'no-support' }])
    for (const client of [alice, other]) assert.equal((await client.request('GET', whoami)).status, 401)
    assert.deepEqual([again.status, again.body.errcode], [400, 'M_USER_IN_USE'])
    assert.equal((await server.context.store.accounts.accounts.find(alice.userId))?.deactivatedAt, server.clock.now())
  })

  it('tells whoever makes the user leave, and erases the profile only when asked to', async () => {
    await using server = await startTestServer()
    const told: unknown[] = []
    server.context.bus.subscribe(jobsChanged, ({ kind }) => told.push(kind))
    const users = [await server.register('alice'), await server.register('bob')]

    for (const [index, user] of users.entries()) {
      const name = `/_matrix/client/v3/profile/${user.userId}/displayname`
      await user.request('PUT', name, { displayname: 'Somebody' })
      await user.request('POST', deactivatePath, { erase: index === 1, auth })
    }
    const kept = await server.anonymous.request('GET', '/_matrix/client/v3/profile/@alice:test')
    const erased = await server.anonymous.request('GET', '/_matrix/client/v3/profile/@bob:test')

    assert.deepEqual(
      told.filter((kind) => kind === 'leave-rooms'),
      ['leave-rooms', 'leave-rooms'],
    )
    assert.deepEqual(kept.body, { displayname: 'Somebody' })
    assert.equal(erased.status, 404)
  })

  it('makes an administrator one no longer', async () => {
    await using server = await startTestServer()
    await createAccount(server.context, { localpart: 'root', password: testPassword, admin: true })
    const root = await server.login('root')

    await root.request('POST', deactivatePath, { auth })

    assert.equal(await server.context.store.accounts.accounts.hasAdmin(), false)
  })
})

describe('accounts made by whoever runs the server', () => {
  it('exist whatever the registration rules, under the rules for names and passwords', async () => {
    await using server = await startTestServer({ settings: { registration: { mode: 'closed' } } })
    const make = (localpart: string, password = testPassword) =>
      createAccount(server.context, { localpart, password, admin: true })

    const { userId } = await make('Root')

    assert.equal(userId, '@root:test')
    assert.equal((await login(server, 'root', testPassword)).status, 200)
    assert.equal((await server.context.store.accounts.accounts.find(userId))?.isAdmin, true)
    await assert.rejects(make('root'), { errcode: 'M_USER_IN_USE' })
    await assert.rejects(make('no spaces'), { errcode: 'M_INVALID_USERNAME' })
    await assert.rejects(make('short', '123'), { errcode: 'M_WEAK_PASSWORD' })
  })

  it('get a new password, which ends all their sessions', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const userId = await resetPassword(server.context, { user: 'alice', password: newPassword })

    assert.equal(userId, '@alice:test')
    assert.equal((await alice.request('GET', whoami)).status, 401)
    assert.equal((await login(server, 'alice', newPassword)).status, 200)
    await assert.rejects(resetPassword(server.context, { user: 'nobody', password: newPassword }), { status: 404 })
  })
})

describe('third-party identifiers', () => {
  it('are none, and cannot be added', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const base = '/_matrix/client/v3/account/3pid'
    const body = { client_secret: 'secret', email: 'a@b', send_attempt: 1, sid: '1' }

    const list = await alice.request('GET', base)
    const add = await alice.request('POST', `${base}/add`, body)
    const ask = await server.anonymous.request('POST', '/_matrix/client/v3/register/email/requestToken', body)
    const remove = await alice.request('POST', `${base}/delete`, { medium: 'email', address: 'a@b' })

    assert.deepEqual(list.body, { threepids: [] })
    for (const reply of [add, ask]) assert.deepEqual([reply.status, reply.body.errcode], [403, 'M_THREEPID_DENIED'])
    assert.deepEqual(remove.body, { id_server_unbind_result: 'no-support' })
  })
})

describe('suspended accounts', () => {
  it('read but do not change what others see', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    await server.context.store.accounts.accounts.setSuspended(alice.userId, true)
    const name = '/_matrix/client/v3/profile/@alice:test/displayname'

    const again = await server.login('alice')
    const put = await testClient(server.url, again.accessToken).request('PUT', name, { displayname: 'Alice' })
    const read = await again.request('GET', whoami)

    assert.deepEqual([put.status, put.body.errcode], [403, 'M_USER_SUSPENDED'])
    assert.equal(read.status, 200)
  })
  it('T65 leave rooms and take back what they said, but enter none and say nothing', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const open = { preset: 'public_chat' }
    const [own, joined, other] = [
      await createRoom(alice, open),
      await createRoom(bob, open),
      await createRoom(bob, open),
    ]
    accepted(await join(alice, joined))
    const said = await sendText(alice, joined, 'said')
    await server.context.store.accounts.accounts.setSuspended(alice.userId, true)
    const again = await server.login('alice')

    const refusals = [
      await again.request('PUT', roomPath(joined, 'send', 'm.room.message', 'x'), { msgtype: 'm.text', body: 'x' }),
      await putState(again, own, ['m.room.topic'], { topic: 'x' }),
      await putState(again, other, ['m.room.member', alice.userId], { membership: 'join' }),
      await again.request('POST', '/_matrix/client/v3/createRoom', {}),
      await again.request('POST', roomPath(other, 'join'), {}),
      await join(again, other),
      await again.request('POST', `/_matrix/client/v3/knock/${encodeURIComponent(other)}`, {}),
      await again.request('POST', roomPath(own, 'upgrade'), { new_version: '12' }),
    ]
    for (const action of ['invite', 'kick', 'ban', 'unban']) refusals.push(await act(again, action, own, bob.userId))

    for (const refusal of refusals) refused(refusal, 403, 'M_USER_SUSPENDED')
    accepted(await again.request('PUT', roomPath(joined, 'redact', said, 'r'), {}))
    accepted(await again.request('GET', `${roomPath(joined, 'messages')}?dir=b`))
    accepted(await leave(again, joined))
  })

  it('N31 do nothing to others, whatever their power, and show no new status', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat', room_alias_name: 'ours' })
    accepted(await join(bob, roomId))
    const [theirs, own] = [await sendText(bob, roomId, 'theirs'), await sendText(alice, roomId, 'own')]
    await server.context.store.accounts.accounts.setSuspended(alice.userId, true)
    const again = await server.login('alice')
    const alias = (name: string) => `/_matrix/client/v3/directory/room/${encodeURIComponent(`#${name}:test`)}`
    const listed = `/_matrix/client/v3/directory/list/room/${encodeURIComponent(roomId)}`
    const presence = `/_matrix/client/v3/presence/${encodeURIComponent(alice.userId)}/status`

    const refusals = [
      await again.request('PUT', roomPath(roomId, 'redact', theirs, 'r'), {}),
      await again.request('PUT', roomPath(roomId, 'send', 'm.room.redaction', 's'), { redacts: theirs }),
      await again.request('PUT', alias('other'), { room_id: roomId }),
      await again.request('DELETE', alias('ours')),
      await again.request('PUT', listed, { visibility: 'public' }),
      await again.request('PUT', presence, { presence: 'online', status_msg: 'buy this' }),
    ]

    for (const refusal of refusals) refused(refusal, 403, 'M_USER_SUSPENDED')
    accepted(await again.request('PUT', roomPath(roomId, 'send', 'm.room.redaction', 'o'), { redacts: own }))
    accepted(await again.request('PUT', presence, { presence: 'unavailable' }))
  })
})
