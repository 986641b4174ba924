import assert from 'node:assert/strict'
import { accepted, refused, testPassword, type TestUser } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'

const pusher = {
  kind: 'http',
  app_id: 'org.example.app',
  pushkey: 'key',
  app_display_name: 'Example',
  device_display_name: 'Phone',
  lang: 'en',
  profile_tag: 'tag',
  data: { url: 'https://push.example.org/_matrix/push/v1/notify', format: 'event_id_only', custom: [1] },
}
const set = (user: TestUser, changes: object = {}) =>
  user.request('POST', '/_matrix/client/v3/pushers/set', { ...pusher, ...changes })
const list = async (user: TestUser) => accepted(await user.request('GET', '/_matrix/client/v3/pushers')).pushers

describe('pushers', () => {
  it('are set, changed, listed and deleted', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    accepted(await set(alice))
    const one = await list(alice)
    accepted(await set(alice, { lang: 'de' }))
    accepted(await set(alice, { pushkey: 'other' }))
    const two = await list(alice)
    const gone = { kind: null, app_id: pusher.app_id, pushkey: 'key' }
    accepted(await alice.request('POST', '/_matrix/client/v3/pushers/set', gone))
    accepted(await alice.request('POST', '/_matrix/client/v3/pushers/set', gone))

    assert.deepEqual(one, [pusher])
    assert.deepEqual(new Set(two.map(({ lang }: { lang: string }) => lang)), new Set(['de', 'en']))
    assert.deepEqual(await list(alice), [{ ...pusher, pushkey: 'other' }])
  })

  it('go over to the user who sets them next, unless they are to be shared', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]

    accepted(await set(alice))
    accepted(await set(bob, { append: true }))
    const shared = [await list(alice), await list(bob)]
    accepted(await set(bob))

    assert.deepEqual(
      shared.map(({ length }) => length),
      [1, 1],
    )
    assert.deepEqual([(await list(alice)).length, (await list(bob)).length], [0, 1])
  })

  it('tell a gateway by https and its one path only', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    for (const url of [
      'http://push.example.org/_matrix/push/v1/notify',
      'https://push.example.org/',
      'https://push.example.org/_matrix/push/v1/notify/more',
      'https://user:secret@push.example.org/_matrix/push/v1/notify',
      'nonsense',
      7,
      undefined,
    ])
      refused(await set(alice, { data: { url } }), 400, 'M_INVALID_PARAM')
    assert.deepEqual(await list(alice), [])
  })

  it('T47 tell no gateway that is no public place, in whatever form it is written', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    for (const host of [
      '127.0.0.1',
      '10.0.0.1:8443',
      '169.254.169.254',
      '[::1]',
      '[::ffff:10.0.0.1]',
      '2130706433',
      '0177.1',
    ])
      refused(await set(alice, { data: { url: `https://${host}/_matrix/push/v1/notify` } }), 400, 'M_INVALID_PARAM')
    for (const scheme of ['file', 'gopher', 'ftp', 'data'])
      refused(await set(alice, { data: { url: `${scheme}://x/_matrix/push/v1/notify` } }), 400, 'M_INVALID_PARAM')
    assert.deepEqual(await list(alice), [])
  })

  it('T47 may tell a gateway in a network that the administrator allows', async () => {
    await using server = await startTestServer({ settings: { outgoing: { allowed_networks: ['10.0.0.0/8'] } } })
    const alice = await server.register('alice')

    accepted(await set(alice, { data: { url: 'https://10.0.0.1/_matrix/push/v1/notify' } }))
  })

  it('of the wrong form are refused', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    for (const name of ['lang', 'data', 'app_display_name', 'device_display_name', 'kind', 'app_id', 'pushkey'])
      refused(await set(alice, { [name]: undefined }), 400, 'M_MISSING_PARAM')
    for (const changes of [
      { kind: 'email' },
      { app_id: 'x'.repeat(65) },
      { pushkey: 'é'.repeat(257) },
      { app_id: '' },
      { lang: 'x'.repeat(20_000) },
    ])
      refused(await set(alice, changes), 400, 'M_INVALID_PARAM')
    for (const changes of [{ data: [] }, { pushkey: '\0' }]) refused(await set(alice, changes), 400, 'M_BAD_JSON')
  })

  it('T84 are limited in number', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    for (let index = 0; index < 100; index++) accepted(await set(alice, { pushkey: `key ${index}` }))

    refused(await set(alice, { pushkey: 'one more' }), 403, 'M_FORBIDDEN')

    assert.equal((await list(alice)).length, 100)
  })

  it('end with the device that set them, by logout and by a new password', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const [phone, tablet] = [await server.login('alice'), await server.login('alice')]
    for (const [index, device] of [alice, phone, tablet].entries())
      accepted(await set(device, { pushkey: `key ${index}`, device_display_name: `${index}` }))
    const namesNow = async () => (await list(alice)).map((one: typeof pusher) => one.device_display_name)

    accepted(await phone.request('POST', '/_matrix/client/v3/logout'))
    const afterLogout = await namesNow()
    const auth = {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'alice' },
      password: testPassword,
    }
    const change = { new_password: `${testPassword} again`, auth }
    const asked = await alice.request('POST', '/_matrix/client/v3/account/password', change)
    const session = { ...change, auth: { ...auth, session: asked.body.session } }
    if (asked.status === 401) accepted(await alice.request('POST', '/_matrix/client/v3/account/password', session))

    assert.deepEqual(afterLogout, ['0', '2'])
    assert.deepEqual(await namesNow(), ['0'])
  })
})
