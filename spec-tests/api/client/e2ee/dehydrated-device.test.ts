import assert from 'node:assert/strict'
import type { TestUser } from '../../../support/server/client.ts'
import { deviceKeysOf, oneTimeKeysOf } from '../../../support/server/device-crypto.ts'
import { startTestServer } from '../../../support/server/server.ts'

const path = '/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device'
const device_data = { algorithm: 'org.matrix.msc3814.v2', device_pickle: 'secret' }

const dehydrate = (user: TestUser, deviceId: string, more: object = {}) =>
  user.request('PUT', path, {
    device_id: deviceId,
    device_data,
    initial_device_display_name: 'Sleeper',
    device_keys: deviceKeysOf({ userId: user.userId, deviceId }, undefined, { dehydrated: true }),
    one_time_keys: oneTimeKeysOf({ userId: user.userId, deviceId }, [1]),
    ...more,
  })
const devicesOf = async (viewer: TestUser, { userId }: TestUser) => {
  const reply = await viewer.request('POST', '/_matrix/client/v3/keys/query', { device_keys: { [userId]: [] } })
  return reply.body.device_keys[userId]
}
let transaction = 0
const send = (from: TestUser, { userId }: TestUser, deviceId: string, number: number) =>
  from.request('PUT', `/_matrix/client/v3/sendToDevice/m.test/${transaction++}`, {
    messages: { [userId]: { [deviceId]: { number } } },
  })

describe('a dehydrated device', () => {
  it('is kept for its user, and others see and reach it like any device', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]

    const none = await alice.request('GET', path)
    const put = await dehydrate(alice, 'SLEEPER')
    const got = await alice.request('GET', path)
    const claimed = await bob.request('POST', '/_matrix/client/v3/keys/claim', {
      one_time_keys: { [alice.userId]: { SLEEPER: 'signed_curve25519' } },
    })

    assert.deepEqual([none.status, none.body.errcode], [404, 'M_NOT_FOUND'])
    assert.deepEqual(put.body, { device_id: 'SLEEPER' })
    assert.deepEqual(got.body, { device_id: 'SLEEPER', device_data })
    const { SLEEPER } = await devicesOf(bob, alice)
    assert.equal(SLEEPER.dehydrated, true)
    assert.deepEqual(SLEEPER.unsigned, { device_display_name: 'Sleeper' })
    assert.deepEqual(Object.keys(claimed.body.one_time_keys[alice.userId].SLEEPER), ['signed_curve25519:k1'])
    assert.equal((await bob.request('GET', path)).status, 404)
  })

  it('takes the place of the last one, and ends when deleted', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    await dehydrate(alice, 'FIRST')

    await dehydrate(alice, 'SECOND')
    const afterSecond = Object.keys(await devicesOf(alice, alice))
    const deleted = await alice.request('DELETE', path)

    assert.deepEqual(afterSecond, ['SECOND'])
    assert.deepEqual(deleted.body, { device_id: 'SECOND' })
    assert.deepEqual(await devicesOf(alice, alice), {})
    assert.equal((await alice.request('DELETE', path)).status, 404)
  })

  it('is refused without keys, with keys of another device, and under the id of a device in use', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    await dehydrate(alice, 'KEPT')

    const statuses = [
      await dehydrate(alice, 'NEW', { device_keys: undefined }),
      await dehydrate(alice, 'NEW', { device_keys: deviceKeysOf({ ...alice, deviceId: 'OTHER' }) }),
      await dehydrate(alice, alice.deviceId),
    ].map(({ status }) => status)

    assert.deepEqual(statuses, [400, 400, 400])
    assert.equal((await alice.request('GET', path)).body.device_id, 'KEPT')
  })

  it('collects messages that can be read as often as needed, page by page', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    await dehydrate(alice, 'SLEEPER')
    for (let number = 0; number < 3; number++) await send(bob, alice, 'SLEEPER', number)
    const events = `${path}/SLEEPER/events`
    const numbers = (body: { events: { content: { number: number } }[] }) =>
      body.events.map(({ content }) => content.number)

    for (let time = 0; time < 2; time++) {
      const first = await alice.request('POST', events, { limit: 2 })
      const second = await alice.request('POST', events, { limit: 2, next_batch: first.body.next_batch })
      const third = await alice.request('POST', events, { limit: 2, next_batch: second.body.next_batch })
      assert.deepEqual(
        [first, second, third].map(({ body }) => numbers(body)),
        [[0, 1], [2], []],
      )
      assert.equal(typeof third.body.next_batch, 'string')
    }
    const page = await alice.request('GET', `${events}?limit=2`)
    const rest = await alice.request('GET', `${events}?limit=2&from=${page.body.next_batch}`)
    assert.deepEqual([numbers(page.body), numbers(rest.body), rest.body.next_batch], [[0, 1], [2], undefined])
    assert.equal((await bob.request('POST', events, {})).status, 403)
    assert.equal((await alice.request('POST', `${path}/${alice.deviceId}/events`, {})).status, 403)
    assert.equal((await alice.request('POST', events, { next_batch: 'x' })).status, 400)
  })
})
