import assert from 'node:assert/strict'
import { testPassword } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'

const path = '/_matrix/client/v3/devices'
const auth = { type: 'm.login.password', password: testPassword }
const ids = (devices: { device_id: string }[]) => devices.map((device) => device.device_id).sort()

describe('devices', () => {
  it('are listed with where and when they were last seen', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const other = await server.login('alice')

    const { body } = await alice.request('GET', path)
    const one = await alice.request('GET', `${path}/${alice.deviceId}`)

    assert.deepEqual(ids(body.devices), [alice.deviceId, other.deviceId].sort())
    assert.deepEqual(one.body, {
      device_id: alice.deviceId,
      last_seen_ip: '127.0.0.1',
      last_seen_ts: server.clock.now(),
    })
  })

  it('are written down as seen at most once a minute', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const lastSeen = async () => (await alice.request('GET', `${path}/${alice.deviceId}`)).body.last_seen_ts
    const start = server.clock.now()

    const first = await lastSeen()
    await server.clock.advance(59_000)
    const soon = await lastSeen()
    await server.clock.advance(1000)
    const later = await lastSeen()

    assert.deepEqual([first, soon, later], [start, start, start + 60_000])
  })

  it('are renamed by their owner', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const device = `${path}/${alice.deviceId}`

    const renamed = await alice.request('PUT', device, { display_name: 'Télephone 📱' })
    const unchanged = await alice.request('PUT', device, {})
    const { body } = await alice.request('GET', device)

    assert.deepEqual([renamed.status, renamed.body, unchanged.status], [200, {}, 200])
    assert.equal(body.display_name, 'Télephone 📱')
  })

  it('refuse names that no list could show', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const rename = (name: string) => alice.request('PUT', `${path}/${alice.deviceId}`, { display_name: name })
    for (const name of ['x'.repeat(256), 'ä'.repeat(128), 'line\nbreak']) {
      const reply = await rename(name)
      assert.deepEqual([reply.status, reply.body.errcode], [400, 'M_INVALID_PARAM'])
    }
    const { status, body } = await rename('a\u0000b')
    assert.deepEqual([status, body.errcode], [400, 'M_BAD_JSON'])
  })

  it('of others, and those that do not exist, are not found', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')

    for (const deviceId of [alice.deviceId, 'NEW', 'a%2Fb', 'x'.repeat(1000)]) {
      const get = await bob.request('GET', `${path}/${deviceId}`)
      const put = await bob.request('PUT', `${path}/${deviceId}`, { display_name: 'mine' })
      assert.deepEqual([get.status, get.body.errcode], [404, 'M_NOT_FOUND'])
      assert.deepEqual([put.status, put.body.errcode], [404, 'M_NOT_FOUND'])
    }
  })

  it('are deleted after approval, with their tokens', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const other = await server.login('alice')

    const asked = await alice.request('DELETE', `${path}/${other.deviceId}`)
    const stillThere = await other.request('GET', path)
    const deleted = await alice.request('DELETE', `${path}/${other.deviceId}`, {
      auth: { ...auth, session: asked.body.session },
    })
    const gone = await other.request('GET', path)

    assert.equal(asked.status, 401)
    assert.equal(stillThere.status, 200)
    assert.deepEqual([deleted.status, deleted.body], [200, {}])
    assert.deepEqual([gone.status, gone.body.errcode, gone.body.soft_logout], [401, 'M_UNKNOWN_TOKEN', false])
  })

  it('are deleted together; ids of others are passed over', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const bob = await server.register('bob')
    const others = [await server.login('alice'), await server.login('alice')]
    const devices = [...others.map(({ deviceId }) => deviceId), bob.deviceId, 'UNKNOWN']

    const { status } = await alice.request('POST', '/_matrix/client/v3/delete_devices', { devices, auth })
    const { body } = await alice.request('GET', path)

    assert.equal(status, 200)
    assert.deepEqual(ids(body.devices), [alice.deviceId])
    assert.equal((await bob.request('GET', path)).status, 200)
  })

  it('take their keys and messages with them, which others hear of', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const { e2ee, streams } = server.context.store
    const { userId, deviceId } = await server.login('alice')
    await e2ee.deviceKeys.save({ userId, deviceId, identity: '{}', signatures: {} })
    const { device_lists: before } = await streams.positions()

    await alice.request('DELETE', `${path}/${deviceId}`, { auth })

    assert.equal(await e2ee.deviceKeys.find(userId, deviceId), undefined)
    assert.deepEqual(await e2ee.deviceLists.changedUsers('@bob:test', before), [userId])
  })

  it('T84 are limited in number, yet a known one may log in again', async () => {
    await using server = await startTestServer({ settings: { limits: { devices_per_user: 3 } } })
    const alice = await server.register('alice')
    const login = (device_id?: string) =>
      server.anonymous.request('POST', '/_matrix/client/v3/login', {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: 'alice' },
        password: testPassword,
        device_id,
      })

    const statuses = [await login(), await login(), await login(), await login(alice.deviceId)].map(
      ({ status }) => status,
    )

    assert.deepEqual(statuses, [200, 200, 403, 200])
    assert.equal(await server.context.store.accounts.devices.count(alice.userId), 3)
  })
})
