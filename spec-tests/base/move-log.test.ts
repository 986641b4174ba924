import assert from 'node:assert/strict'
import { MoveLog } from '#base/move-log.ts'

describe('a log of moves', () => {
  it('N48 names what moved after a position, each item once, the newest first', () => {
    const log = new MoveLog<string>()
    for (const [item, position] of [['a', 1], ['b', 2], ['a', 3], ['c', 4]] as const) log.moved(item, position) // prettier-ignore
    assert.deepEqual(log.since(1), ['c', 'a', 'b'])
    assert.deepEqual(log.since(2), ['c', 'a'])
    assert.deepEqual(log.since(4), [])
  })

  it('rather names an item too often than not when positions come out of order', () => {
    const log = new MoveLog<string>()
    log.moved('a', 5)
    log.moved('b', 4)
    assert.deepEqual(log.since(4), ['b', 'a'])
    assert.deepEqual(log.since(5), [])
  })

  it('stays as small as what it names, and forgets what is deleted', () => {
    const log = new MoveLog<number>()
    for (let position = 1; position <= 100_000; position++) log.moved(position % 10, position)
    log.delete(0)
    assert.equal(log.size, 9)
    assert.equal(log.since(0).length, 9)
    log.moved(0, 100_001)
    assert.deepEqual(log.since(100_000), [0])
  })
})
