import assert from 'node:assert/strict'
import { inSlices, inSlicesWithPauses } from '#base/in-slices.ts'

describe('slices of long work', () => {
  it('hold all items in order, the last one what is left', async () => {
    const items = [1, 2, 3, 4, 5]
    assert.deepEqual([...inSlices(items, 2)], [[1, 2], [3, 4], [5]])
    assert.deepEqual(await Array.fromAsync(inSlicesWithPauses(items, 2)), [[1, 2], [3, 4], [5]])
    assert.deepEqual(await Array.fromAsync(inSlicesWithPauses([], 2)), [])
  })

  it('let other work in between them, and not before the first', async () => {
    const seen: string[] = []
    setImmediate(() => seen.push('other'))
    for await (const [item] of inSlicesWithPauses(['one', 'two'], 1)) seen.push(item ?? '')
    assert.deepEqual(seen, ['one', 'other', 'two'])
  })
})
