import assert from 'node:assert/strict'
import { confirmInteractively } from '#services/accounts/sessions/confirm-interactively.ts'
import { loginForAppservice } from '#services/accounts/sessions/login.ts'
import { putDevice } from '#services/accounts/sessions/put-device.ts'
import { registerForAppservice } from '#services/accounts/registration/register.ts'
import type { UserNamespaces } from '#services/accounts/registration/user-namespaces.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'

const isIrc = (userId: string) => userId.startsWith('@irc_')
const namespaces: UserNamespaces = {
  hasAny: true,
  exclusiveOwner: (userId) => (isIrc(userId) ? 'irc' : undefined),
  mayActAs: (appserviceId, userId) => appserviceId === 'irc' && isIrc(userId),
}
const options = { deviceId: undefined, displayName: undefined, refreshable: false }

const withNamespaces = async () => {
  const server = await startTestServer()
  server.context.userNamespaces = namespaces
  return server
}

const register = ({ context }: TestServer, username: string | undefined) =>
  registerForAppservice(context, {
    appserviceId: 'irc',
    wanted: { ...options, username, password: undefined, inhibitLogin: true },
  })

describe('accounts of application services', () => {
  it('are registered by their owner alone, without a password', async () => {
    await using server = await withNamespaces()

    const { userId, session } = await register(server, 'irc_bob')

    assert.deepEqual([userId, session], ['@irc_bob:test', undefined])
    const account = await server.context.store.accounts.accounts.find(userId)
    assert.deepEqual([account?.appserviceId, account?.passwordHash], ['irc', undefined])
    await assert.rejects(register(server, 'irc_bob'), { status: 400, errcode: 'M_USER_IN_USE' })
    await assert.rejects(register(server, 'somebody'), { status: 400, errcode: 'M_EXCLUSIVE' })
    await assert.rejects(register(server, 'irc_Bob'), { status: 400, errcode: 'M_INVALID_USERNAME' })
    await assert.rejects(register(server, undefined), { status: 400, errcode: 'M_MISSING_PARAM' })
  })

  it('are logged in once they are registered', async () => {
    await using server = await withNamespaces()
    await register(server, 'irc_bob')
    await server.register('alice')
    const login = (user: string) => loginForAppservice(server.context, { appserviceId: 'irc', user, options })

    const session = await login('irc_bob')

    assert.equal(session.userId, '@irc_bob:test')
    await assert.rejects(login('irc_nobody'), { status: 403, errcode: 'M_FORBIDDEN' })
    await assert.rejects(login('alice'), { status: 400, errcode: 'M_EXCLUSIVE' })
  })

  it('get devices by name, and need no approval', async () => {
    await using server = await withNamespaces()
    const { userId } = await register(server, 'irc_bob')
    const requester = { userId, appserviceId: 'irc' }
    const put = (deviceId: string, displayName: string) =>
      putDevice(server.context, { requester, deviceId, displayName })

    await put('BRIDGE', 'IRC')
    await put('BRIDGE', 'irc.example.org')
    const body = { devices: ['BRIDGE'], auth: {} }
    const confirmed = await confirmInteractively(server.context, { requester, endpoint: 'POST /x', body })

    assert.equal((await server.context.store.accounts.devices.find(userId, 'BRIDGE'))?.displayName, 'irc.example.org')
    assert.deepEqual(confirmed, { devices: ['BRIDGE'] })
    await assert.rejects(put('', 'x'), { status: 400 })
  })
})
