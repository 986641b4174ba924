import assert from 'node:assert/strict'
import { mapInTurns } from '#base/threads/map-in-turns.ts'

describe('a list that is worked on in turns', () => {
  it('answers as map does', async () => {
    for (const length of [0, 1, 1000, 2500]) {
      const items = Array.from({ length }, (_, index) => index)
      const double = (item: number) => item * 2
      assert.deepEqual(await mapInTurns(items, double), items.map(double))
    }
  })

  it('lets others run before a long list is done', async () => {
    const done: string[] = []
    const short = mapInTurns([1], () => {}).then(() => done.push('short'))
    const long = mapInTurns(Array.from({ length: 5000 }), () => {}).then(() => done.push('long'))
    setImmediate(() => done.push('other'))
    await Promise.all([short, long])
    assert.deepEqual(done, ['short', 'other', 'long'])
  })

  it('fails as the work does', async () => {
    await assert.rejects(
      mapInTurns([1], () => {
        throw new Error('no')
      }),
      /no/,
    )
  })
})
