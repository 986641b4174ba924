import assert from 'node:assert/strict'
import { jobsChanged } from '#bus/topics.ts'
import { startTestServer } from '../../../support/server/server.ts'

const profile = (userId: string, key?: string) =>
  `/_matrix/client/v3/profile/${userId}${key === undefined ? '' : `/${encodeURIComponent(key)}`}`
const mine = (key?: string) => profile('@alice:test', key)

/** New accounts have a name otherwise. */
const unnamed = { registration: { mode: 'open', default_display_name: 'none' } }

describe('profiles', () => {
  it('hold a name, an avatar and fields of any kind, which everybody may read', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const fields = {
      displayname: 'Alice',
      avatar_url: 'mxc://test/abc',
      'm.tz': 'Europe/Paris',
      'org.example.any': { deep: [1, null, true], __proto_: 'x' },
      'org.example.null': null,
    }

    for (const [key, value] of Object.entries(fields))
      assert.equal((await alice.request('PUT', mine(key), { [key]: value })).status, 200)
    const whole = await server.anonymous.request('GET', mine())

    assert.deepEqual(whole.body, fields)
    for (const [key, value] of Object.entries(fields))
      assert.deepEqual((await server.anonymous.request('GET', mine(key))).body, { [key]: value })
  })

  it('are empty at first, and lose fields that are deleted or cleared', async () => {
    await using server = await startTestServer({ settings: unnamed })
    const alice = await server.register('alice')

    const empty = await server.anonymous.request('GET', mine())
    const missing = await server.anonymous.request('GET', mine('displayname'))
    await alice.request('PUT', mine('displayname'), { displayname: 'Alice' })
    await alice.request('PUT', mine('avatar_url'), { avatar_url: 'mxc://test/abc' })
    const deleted = await alice.request('DELETE', mine('displayname'))
    const cleared = await alice.request('PUT', mine('avatar_url'), { avatar_url: '' })
    const again = await alice.request('DELETE', mine('displayname'))
    const after = await server.anonymous.request('GET', mine())

    assert.deepEqual([empty.status, empty.body], [200, {}])
    assert.deepEqual([missing.status, missing.body.errcode], [404, 'M_NOT_FOUND'])
    assert.deepEqual([deleted.status, cleared.status, again.status], [200, 200, 200])
    assert.deepEqual(after.body, {})
  })

  it('of unknown and ill-formed users are not found, and those of servers that cannot be asked cannot be had', async () => {
    await using server = await startTestServer()

    for (const userId of ['@nobody:test', 'nobody', '@', '@:test', '@a%0a:test']) {
      const reply = await server.anonymous.request('GET', profile(userId))
      assert.deepEqual([reply.status, reply.body.errcode], [404, 'M_NOT_FOUND'], userId)
    }
    const foreign = await server.anonymous.request('GET', profile('@alice:elsewhere.example'))
    assert.deepEqual([foreign.status, foreign.body.errcode], [502, 'M_UNKNOWN'])
  })

  it('are changed by their user alone', async () => {
    await using server = await startTestServer()
    await server.register('alice')
    const bob = await server.register('bob')

    const put = await bob.request('PUT', mine('displayname'), { displayname: 'Bob was here' })
    const remove = await bob.request('DELETE', mine('displayname'))
    const anonymous = await server.anonymous.request('PUT', mine('displayname'), { displayname: 'x' })

    for (const reply of [put, remove]) assert.deepEqual([reply.status, reply.body.errcode], [403, 'M_FORBIDDEN'])
    assert.equal(anonymous.status, 401)
  })

  it('refuse keys and values that the specification does not allow', async () => {
    await using server = await startTestServer({ settings: unnamed })
    const alice = await server.register('alice')
    const cases: [string, object, string][] = [
      ['displayname', {}, 'M_MISSING_PARAM'],
      ['displayname', { display_name: 'x' }, 'M_MISSING_PARAM'],
      ['displayname', { displayname: 5 }, 'M_BAD_JSON'],
      ['displayname', { displayname: 'x'.repeat(257) }, 'M_INVALID_PARAM'],
      ['avatar_url', { avatar_url: 'https://example.org/a.png' }, 'M_INVALID_PARAM'],
      ['avatar_url', { avatar_url: 'mxc://test/../x' }, 'M_INVALID_PARAM'],
      ['avatar_url', { avatar_url: ['mxc://test/abc'] }, 'M_BAD_JSON'],
      ['m.tz', { 'm.tz': 5 }, 'M_BAD_JSON'],
      ['nodots', { nodots: 'x' }, 'M_INVALID_PARAM'],
      ['Upper.Case', { 'Upper.Case': 'x' }, 'M_INVALID_PARAM'],
      ['org..example', { 'org..example': 'x' }, 'M_INVALID_PARAM'],
      [`a.${'b'.repeat(254)}`, { [`a.${'b'.repeat(254)}`]: 'x' }, 'M_KEY_TOO_LARGE'],
    ]

    for (const [key, body, errcode] of cases) {
      const reply = await alice.request('PUT', mine(key), body)
      assert.deepEqual([reply.status, reply.body.errcode], [400, errcode], key)
    }
    assert.deepEqual((await alice.request('GET', mine())).body, {})
  })

  it('T05 take no key that JavaScript treats as its own', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    for (const key of ['__proto__', 'constructor', 'toJSON', 'prototype']) {
      const reply = await alice.request('PUT', mine(key), `{"${key}":"x"}`)
      assert.deepEqual([reply.status, reply.body.errcode], [400, 'M_INVALID_PARAM'])
    }
    const nested = '{"org.example.any":{"__proto__":{"polluted":1},"constructor":2,"toJSON":3}}'
    assert.equal((await alice.request('PUT', mine('org.example.any'), nested)).status, 200)
    const raw = await fetch(server.url + mine('org.example.any'))
    assert.equal(await raw.text(), nested)
    assert.equal(({} as { polluted?: number }).polluted, undefined)
  })

  it('T84 hold 64 KiB altogether', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const put = (key: string, length: number) => alice.request('PUT', mine(key), { [key]: 'x'.repeat(length) })

    const first = await put('org.example.one', 40_000)
    const second = await put('org.example.two', 40_000)
    const replaced = await put('org.example.one', 60_000)
    const huge = await put('org.example.one', 66_000)

    assert.deepEqual([first.status, replaced.status], [200, 200])
    for (const reply of [second, huge])
      assert.deepEqual([reply.status, reply.body.errcode], [400, 'M_PROFILE_TOO_LARGE'])
  })

  it('tell whoever turns them into member events', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const told: unknown[] = []
    server.context.bus.subscribe(jobsChanged, (change) => told.push(change))

    await alice.request('PUT', mine('displayname'), { displayname: 'Alice' })
    await alice.request('DELETE', mine('displayname'))

    assert.deepEqual(told, Array(2).fill({ kind: 'show-profile' }))
  })

  it('answer at the unstable path, too', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const path = '/_matrix/client/unstable/uk.tcpip.msc4133/profile/@alice:test/m.tz'

    await alice.request('PUT', path, { 'm.tz': 'Europe/London' })

    assert.deepEqual((await server.anonymous.request('GET', path)).body, { 'm.tz': 'Europe/London' })
  })
})
