import assert from 'node:assert/strict'
import { recentMap } from '#base/recent-map.ts'

describe('a bounded map', () => {
  it('forgets what was used longest ago', () => {
    const map = recentMap<string, number>(2)
    map.set('one', 1)
    map.set('two', 2)
    assert.equal(map.get('one'), 1)
    map.set('three', 3)
    assert.deepEqual([map.get('one'), map.get('two'), map.get('three')], [1, undefined, 3])
    assert.equal(map.size, 2)
  })
})
