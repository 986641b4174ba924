import assert from 'node:assert/strict'
import fc from 'fast-check'
import { CacheBudget, type Cache } from '#base/cache.ts'
import { LoadingCache } from '#base/loading-cache.ts'
import { createMetrics } from '#base/metrics.ts'

type Text = { text: string }
const textOf = (length: number): Text => ({ text: 'x'.repeat(length) })
const weigh = ({ text }: Text) => text.length

describe('caches', () => {
  it('N23 share one budget in bytes, whatever the number of entries', () => {
    const budget = new CacheBudget(100_000)
    const [one, other] = [
      budget.cache<number, Text>({ name: 'one', share: 1, weigh }),
      budget.cache<number, Text>({ name: 'other', share: 1, weigh }),
    ]
    for (let key = 0; key < 1000; key++) {
      one.set(key, textOf(60_000))
      other.set(key, textOf(10))
      assert.ok(budget.bytes <= 100_000)
    }
    assert.equal(one.size, 1)
    assert.ok(other.size > 100)
  })

  it('N23 take from the one beyond its share, the least recently used first', () => {
    const budget = new CacheBudget(10_000)
    const small = budget.cache<number, Text>({ name: 'small', share: 1, weigh })
    const large = budget.cache<number, Text>({ name: 'large', share: 3, weigh })
    small.set(1, textOf(1000))
    for (let key = 0; key < 8; key++) {
      large.set(key, textOf(2000))
      large.get(0)
    }
    assert.ok(small.has(1))
    assert.ok(large.has(0))
    assert.ok(!large.has(1))
  })

  it('N23 count what grows in its place once it is weighed anew', () => {
    const budget = new CacheBudget(10_000)
    const cache = budget.cache<string, Text>({ name: 'texts', share: 1, weigh })
    const grows = textOf(10)
    cache.set('old', textOf(10))
    cache.set('grows', grows)
    grows.text = 'x'.repeat(9900)
    cache.reweigh('grows')
    assert.equal(cache.peek('grows'), grows)
    assert.ok(!cache.has('old'))
    assert.equal(cache.figures.evictions, 1)
  })

  it('N23 know what they can take before they lose anything, whatever fills the budget', () => {
    const filling = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 300 })), { minLength: 1, maxLength: 6 }) // prettier-ignore
    fc.assert(
      fc.property(filling, (fillings) => {
        const budget = new CacheBudget(100_000)
        const caches = fillings.map(([share], index) => budget.cache<number, Text>({ name: `${index}`, share, weigh }))
        for (const [index, [, entries]] of fillings.entries())
          for (let key = 0; key < entries; key++) caches[index]!.set(key, textOf(340))
        const [one] = caches as [Cache<number, Text>]
        const evicted = one.figures.evictions
        let key = 1000
        for (; one.spare >= 500; key++) one.set(key, textOf(340))
        assert.equal(one.figures.evictions, evicted)
        assert.ok(budget.bytes <= 100_000)
        // One more than it can take costs it an entry, as far as that is decided in whole entries.
        for (let more = 0; more < caches.length + 1; more++) one.set(key++, textOf(340))
        assert.ok(one.figures.evictions > evicted)
      }),
    )
  })

  it('N47 pass over what is in use, and look at no more than a few entries for each that goes', () => {
    const budget = new CacheBudget(100_000)
    const busy = new Set<number>()
    let looks = 0
    const mayEvict = (_: Text, key: number) => {
      looks++
      return !busy.has(key)
    }
    const cache = budget.cache<number, Text>({ name: 'rooms', share: 1, weigh, mayEvict })
    for (let key = 0; key < 10; key++) busy.add(key)
    for (let key = 0; key < 10_000; key++) cache.set(key, textOf(1000))
    for (const key of busy) assert.ok(cache.has(key))
    assert.ok(budget.bytes <= 100_000)
    assert.ok(looks < 2 * 10_000, `${looks} looks`)
  })

  it('N23 are counted in the metrics by name', async () => {
    const budget = new CacheBudget(1000)
    const metrics = createMetrics()
    metrics.countCaches(budget)
    const cache = budget.cache<number, Text>({ name: 'texts', share: 1, weigh })
    for (let key = 0; key < 3; key++) cache.set(key, textOf(400))
    const { text } = await metrics.render()
    metrics.close()
    assert.match(text, /myelin_cache_bytes\{cache="texts"\} 560\n/)
    assert.match(text, /myelin_cache_entries\{cache="texts"\} 1\n/)
    assert.match(text, /myelin_cache_evictions_total\{cache="texts"\} 2\n/)
    assert.match(text, /myelin_cache_budget_bytes 1000\n/)
  })

  it('read a value once for all who ask meanwhile, and keep none that was forgotten while it was read', async () => {
    const reads: ((value: Text) => void)[] = []
    const cache = new CacheBudget(10_000).cache<string, Text>({ name: 'texts', share: 1, weigh })
    const loading = new LoadingCache(cache, () => new Promise<Text>((resolve) => reads.push(resolve)))
    const [first, second] = [loading.get('key'), loading.get('key')]
    assert.equal(reads.length, 1)
    loading.forget('key')
    const fresh = loading.get('key')
    reads[0]?.(textOf(1))
    reads[1]?.(textOf(2))
    assert.equal(await first, await second)
    assert.equal((await fresh).text, 'xx')
    assert.equal((await loading.get('key')).text, 'xx')
  })
})
