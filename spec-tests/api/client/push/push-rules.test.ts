import assert from 'node:assert/strict'
import { accepted, refused, type TestUser } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { sync, type Synced } from '../../../support/server/sync.ts'

const all = '/_matrix/client/v3/pushrules'
type Key = readonly [kind: string, ruleId: string]
const pathOf = ([kind, ruleId]: Key, part = '') => `${all}/global/${kind}/${encodeURIComponent(ruleId)}${part}`
const put = (user: TestUser, key: Key, body: object, query = '') => user.request('PUT', pathOf(key) + query, body)
const get = (user: TestUser, key: Key, part = '') => user.request('GET', pathOf(key, part))

const content = (id: string): Key => ['content', id]
const onWord = (pattern: string) => ({ pattern, actions: ['notify'] })
const idsOf = async (user: TestUser, kind: string): Promise<string[]> =>
  (accepted(await user.request('GET', `${all}/`)).global[kind] as { rule_id: string }[]).map(({ rule_id }) => rule_id)
const toldIn = ({ account_data }: Synced) => account_data.events.filter(({ type }) => type === 'm.push_rules')

describe('push rules', () => {
  it('are the default ones at first, by every spelling of the path', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const rules = accepted(await alice.request('GET', `${all}/`))

    assert.deepEqual(Object.keys(rules), ['global'])
    assert.deepEqual(Object.keys(rules.global).sort(), ['content', 'override', 'room', 'sender', 'underride'])
    assert.equal(rules.global.override[0].rule_id, '.m.rule.master')
    assert.deepEqual(accepted(await alice.request('GET', all)), rules)
    assert.deepEqual(accepted(await alice.request('GET', `${all}/global/`)), rules.global)
    assert.deepEqual(accepted(await alice.request('GET', `${all}/global`)), rules.global)
  })

  it('are added, shown, changed and deleted', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    accepted(await put(alice, content('cake'), onWord('cake')))
    const added = accepted(await get(alice, content('cake')))
    accepted(await put(alice, content('cake'), onWord('cakes')))
    const changed = accepted(await get(alice, content('cake')))
    accepted(await alice.request('DELETE', pathOf(content('cake'))))

    assert.deepEqual(added, { rule_id: 'cake', default: false, enabled: true, ...onWord('cake') })
    assert.equal(changed.pattern, 'cakes')
    refused(await get(alice, content('cake')), 404, 'M_NOT_FOUND')
    refused(await alice.request('DELETE', pathOf(content('cake'))), 404, 'M_NOT_FOUND')
  })

  it('stand first in their kind unless placed', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    for (const [id, query] of [
      ['one', ''],
      ['two', ''],
      ['three', '?after=two'],
      ['four', '?before=two'],
    ] as const)
      accepted(await put(alice, content(id), onWord(id), query))

    assert.deepEqual((await idsOf(alice, 'content')).slice(0, 4), ['four', 'two', 'three', 'one'])
    refused(await put(alice, content('five'), onWord('five'), '?after=nobody'), 400, 'M_UNKNOWN')
  })

  it('are put in and out of force, and given other actions, the default ones too', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    accepted(await put(alice, ['room', '!room:test'], { actions: [] }))

    for (const key of [
      ['room', '!room:test'],
      ['override', '.m.rule.master'],
    ] as const) {
      const { enabled } = accepted(await get(alice, key, '/enabled'))
      accepted(await alice.request('PUT', pathOf(key, '/enabled'), { enabled: !enabled }))
      accepted(await alice.request('PUT', pathOf(key, '/actions'), { actions: ['notify'] }))

      assert.deepEqual(accepted(await get(alice, key, '/enabled')), { enabled: !enabled })
      assert.deepEqual(accepted(await get(alice, key, '/actions')), { actions: ['notify'] })
    }
  })

  it('that nobody knows are not found', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    for (const key of [
      ['override', 'nothing'],
      ['underride', '.m.rule.nothing'],
      ['nonsense', 'nothing'],
    ] as const)
      for (const part of ['', '/enabled', '/actions']) refused(await get(alice, key, part), 404, 'M_NOT_FOUND')
    refused(await alice.request('PUT', pathOf(['room', '!x:y'], '/enabled'), { enabled: true }), 404, 'M_NOT_FOUND')
    refused(await alice.request('PUT', pathOf(['room', '!x:y'], '/actions'), { actions: [] }), 404, 'M_NOT_FOUND')
  })

  it('of the wrong form are refused', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    refused(await put(alice, content('.m.rule.own'), onWord('x')), 400, 'M_INVALID_PARAM')
    refused(await put(alice, content('a/b'), onWord('x')), 400, 'M_INVALID_PARAM')
    refused(await put(alice, ['nonsense', 'x'], onWord('x')), 400, 'M_INVALID_PARAM')
    refused(await put(alice, content('x'), { actions: ['notify'] }), 400, 'M_INVALID_PARAM')
    refused(await put(alice, content('x'), { pattern: 'x' }), 400, 'M_MISSING_PARAM')
    refused(await put(alice, content('x'), { pattern: 'x', actions: ['explode'] }), 400, 'M_INVALID_PARAM')
    refused(await put(alice, ['override', 'x'], { actions: [], conditions: [7] }), 400, 'M_INVALID_PARAM')
    refused(await alice.request('DELETE', pathOf(['override', '.m.rule.master'])), 400, 'M_INVALID_PARAM')
    const enabled = await alice.request('PUT', pathOf(['override', '.m.rule.master'], '/enabled'), { enabled: 'yes' })
    refused(enabled, 400, 'M_BAD_JSON')
  })

  it('come by sync with the default ones filled in, at first and whenever they change', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')

    const first = await sync(alice)
    accepted(await put(alice, content('cake'), onWord('cake')))
    const second = await sync(alice, { since: first.next_batch })
    const third = await sync(alice, { since: second.next_batch })
    const again = await sync(alice)

    const rules = accepted(await alice.request('GET', `${all}/`))
    assert.equal(toldIn(first).length, 1)
    assert.deepEqual(toldIn(second), [{ type: 'm.push_rules', content: rules }])
    assert.deepEqual(toldIn(third), [])
    assert.deepEqual(toldIn(again), toldIn(second))
    const asData = `/_matrix/client/v3/user/${encodeURIComponent(alice.userId)}/account_data/m.push_rules`
    assert.deepEqual(accepted(await alice.request('GET', asData)), rules)
  })

  it('are not lost when several are put at once', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const ids = Array.from({ length: 10 }, (_, index) => `rule${index}`)

    await Promise.all(ids.map(async (id) => accepted(await put(alice, content(id), onWord(id)))))

    assert.deepEqual(new Set((await idsOf(alice, 'content')).slice(0, 10)), new Set(ids))
  })
})
