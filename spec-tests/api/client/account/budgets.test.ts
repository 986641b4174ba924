import assert from 'node:assert/strict'
import type { TestReply, TestUser } from '../../../support/server/client.ts'
import { deviceKeysOf } from '../../../support/server/device-crypto.ts'
import { startTestServer } from '../../../support/server/server.ts'

const client = '/_matrix/client/v3'
const outcome = ({ status, body }: TestReply) => [status, body.errcode]
const refusedAsTooLarge = [413, 'M_TOO_LARGE']
/** A JSON object of so many bytes. */
const sized = (bytes: number) => ({ text: 'x'.repeat(bytes - '{"text":""}'.length) })

describe('what one user may keep', () => {
  it('N21 T84 of account data is bounded in bytes, of all rooms together; what is there may become less', async () => {
    await using server = await startTestServer({ settings: { limits: { account_data_bytes_per_user: 2000 } } })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const put = (user: TestUser, name: string, bytes: number) =>
      user.request('PUT', `${client}/user/${user.userId}/${name}`, sized(bytes))
    const inRoom = 'rooms/!room:test/account_data/m.x'

    const replies = [
      await put(alice, 'account_data/m.a', 1000),
      await put(alice, inRoom, 1000),
      await put(alice, 'account_data/m.b', 100),
      await put(alice, 'account_data/m.a', 1001),
      await put(alice, 'account_data/m.a', 900),
      await put(alice, 'account_data/m.b', 100),
      await put(bob, 'account_data/m.a', 2000),
    ]
    const tag = await alice.request('PUT', `${client}/user/${alice.userId}/rooms/!o:test/tags/u.x`, sized(100))

    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 200, 413, 413, 200, 200, 200],
    )
    assert.deepEqual(outcome(replies[2]!), refusedAsTooLarge)
    assert.deepEqual(outcome(tag), refusedAsTooLarge)
  })

  it('N21 T84 of filters is bounded in bytes', async () => {
    await using server = await startTestServer({ settings: { limits: { filter_bytes_per_user: 500 } } })
    const alice = await server.register('alice')
    const put = (letter: string) =>
      alice.request('POST', `${client}/user/${alice.userId}/filter`, { event_fields: [letter.repeat(200)] })

    const replies = [await put('a'), await put('b'), await put('c'), await put('a')]

    assert.deepEqual(replies.map(outcome), [[200, undefined], [200, undefined], refusedAsTooLarge, [200, undefined]])
  })

  it('N21 T84 of a key backup is bounded in bytes, versions and descriptions', async () => {
    const limits = {
      key_backup_bytes_per_user: 1000,
      key_backup_session_bytes: 600,
      key_backup_versions_per_user: 2,
      key_backup_auth_bytes: 300,
    }
    await using server = await startTestServer({ settings: { limits } })
    const alice = await server.register('alice')
    const create = (bytes = 100) =>
      alice.request('POST', `${client}/room_keys/version`, { algorithm: 'm.x', auth_data: sized(bytes) })
    const put = (version: string, id: string, bytes: number, first = 1) =>
      alice.request('PUT', `${client}/room_keys/keys/${encodeURIComponent('!r:test')}/${id}?version=${version}`, {
        first_message_index: first,
        forwarded_count: 0,
        is_verified: true,
        session_data: sized(bytes),
      })
    const [first] = [(await create()).body.version]

    const keys = [
      await put(first, 'a', 600),
      await put(first, 'b', 601),
      await put(first, 'b', 401),
      await put(first, 'b', 400),
      await put(first, 'a', 100, 0),
      await put(first, 'c', 500),
    ]
    const second = (await create()).body.version
    const more = [await put(second, 'd', 100), await create(), await create(301)]
    await alice.request('DELETE', `${client}/room_keys/version/${first}`)
    const after = [await create(301), await create(300), await put('3', 'd', 600)]

    assert.deepEqual(
      keys.map(({ status }) => status),
      [200, 413, 413, 200, 200, 200],
    )
    assert.deepEqual(more.map(outcome), [refusedAsTooLarge, [403, 'M_FORBIDDEN'], refusedAsTooLarge])
    assert.deepEqual(
      after.map(({ status }) => status),
      [413, 200, 200],
    )
  })

  it('N21 T84 of a dehydrated device, a profile and pushers is bounded', async () => {
    const limits = { dehydrated_device_bytes: 200, profile_bytes: 300, pushers_per_user: 1, pusher_bytes: 600 }
    await using server = await startTestServer({ settings: { limits } })
    const alice = await server.register('alice')
    const dehydrate = (bytes: number) => {
      const device = { userId: alice.userId, deviceId: `D${bytes}` }
      return alice.request('PUT', `${client.replace('v3', 'unstable')}/org.matrix.msc3814.v1/dehydrated_device`, {
        device_id: device.deviceId,
        device_data: sized(bytes),
        device_keys: deviceKeysOf(device),
      })
    }
    const field = (bytes: number) =>
      alice.request('PUT', `${client}/profile/${alice.userId}/org.example.x`, { 'org.example.x': sized(bytes) })
    const pusher = (pushkey: string, bytes = 0) =>
      alice.request('POST', `${client}/pushers/set`, {
        kind: 'http',
        app_id: 'app',
        pushkey,
        app_display_name: 'x'.repeat(bytes),
        device_display_name: 'device',
        lang: 'en',
        data: { url: 'https://push.example/_matrix/push/v1/notify' },
      })

    assert.deepEqual(
      [await dehydrate(200), await dehydrate(201), await field(200), await field(300)].map(({ status }) => status),
      [200, 413, 200, 400],
    )
    assert.deepEqual(
      [await pusher('a'), await pusher('b'), await pusher('a', 600)].map(({ status }) => status),
      [200, 403, 400],
    )
  })
})
