import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  byCodePoint,
  canonicalJson,
  CanonicalJsonError,
  isCanonicalSafe,
  maxNesting,
} from '#protocol/json/canonical-json.ts'
import type { JsonValue } from '#protocol/events/event.ts'

const parse = (text: string) => JSON.parse(text) as JsonValue

describe('canonical JSON', () => {
  it('escapes what it must, as shortly as it can', () => {
    assert.equal(
      canonicalJson('\b\t\n\f\r"\\/\u0000\u001f\u007f\u2028é😀'),
      '"\\b\\t\\n\\f\\r\\"\\\\/\\u0000\\u001f\u007f\u2028é😀"',
    )
  })

  it('orders keys by code point, not by UTF-16 unit and not as integers', () => {
    assert.equal(
      canonicalJson({ '10': 1, '9': 2, a: 3, '😀': 4, '\uff5e': 5 }),
      '{"10":1,"9":2,"a":3,"\uff5e":5,"😀":4}',
    )
  })

  it('leaves out keys that hold undefined', () => {
    assert.equal(canonicalJson({ a: undefined, b: 1 }), '{"b":1}')
  })

  it('T04 writes integers up to 2^53-1 and refuses what was rounded, under either rule', () => {
    assert.equal(canonicalJson([2 ** 53 - 1, 1 - 2 ** 53]), '[9007199254740991,-9007199254740991]')
    for (const number of [2 ** 53, -(2 ** 53), 1e21, parse('9007199254740993') as number])
      for (const rule of ['strict', 'lenient'] as const)
        assert.throws(() => canonicalJson({ number }, rule), CanonicalJsonError)
  })

  it('T04 refuses fractions under the strict rule only, and what is no number under both', () => {
    assert.throws(() => canonicalJson(1.5), CanonicalJsonError)
    assert.equal(canonicalJson(1.5, 'lenient'), '1.5')
    for (const number of [NaN, Infinity, -Infinity])
      for (const rule of ['strict', 'lenient'] as const)
        assert.throws(() => canonicalJson(number, rule), CanonicalJsonError)
  })

  it('refuses lone surrogates, which UTF-8 cannot hold, in values and keys', () => {
    assert.throws(() => canonicalJson('\ud800'), CanonicalJsonError)
    assert.throws(() => canonicalJson({ '\udfff': 1 }), CanonicalJsonError)
  })

  it('T05 keeps __proto__, constructor and toJSON as ordinary keys', () => {
    const text = '{"__proto__":{"admin":true},"constructor":1,"toJSON":"x"}'
    assert.equal(canonicalJson(parse(text)), text)
    assert.equal(canonicalJson({ ...(parse(text) as object) }), text)
  })

  it('T06 refuses 100,000 nested arrays without overflowing the stack', () => {
    let arrays: JsonValue = []
    let objects: JsonValue = {}
    for (let i = 0; i < 100_000; i++) [arrays, objects] = [[arrays], { a: objects }]
    assert.throws(() => canonicalJson(arrays), CanonicalJsonError)
    assert.throws(() => canonicalJson(objects), CanonicalJsonError)
    assert.equal(isCanonicalSafe(arrays), false)
  })

  it('T06 accepts nesting up to its bound', () => {
    const nested = '['.repeat(maxNesting) + ']'.repeat(maxNesting)
    assert.equal(canonicalJson(parse(nested)), nested)
    assert.equal(isCanonicalSafe([parse(nested)]), false)
  })

  it('says whether a value can be written', () => {
    assert.equal(isCanonicalSafe({ a: [1, 'x', null, true] }), true)
    assert.equal(isCanonicalSafe({ a: [1.5] }), false)
  })
})

const anyString = fc.string({ unit: 'binary' })
const { value: anyJson } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger().map((number) => number + 0),
    anyString,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(anyString, tie('value'), { maxKeys: 24 }).map((entries) => ({ ...entries })),
  ) as fc.Arbitrary<JsonValue>,
}))

describe('canonical JSON of any value', () => {
  it('parses to the value, and has one spelling whatever the order of keys', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const text = canonicalJson(value)
        assert.equal(JSON.stringify(shuffled(parse(text))), JSON.stringify(shuffled(value)))
        assert.equal(canonicalJson(shuffled(value)), text)
      }),
      { numRuns: 300 },
    )
  })

  it('orders keys as their UTF-8 bytes, which is by code point', () => {
    fc.assert(
      fc.property(anyString, anyString, (a, b) => {
        assert.equal(Math.sign(byCodePoint(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
      { numRuns: 1000 },
    )
  })
})

/** The same value with each object's keys in descending order. */
function shuffled(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(shuffled)
  if (typeof value !== 'object' || value === null) return value === 0 ? 0 : value
  const copy: JsonValue = {}
  for (const key of Object.keys(value).sort().reverse())
    Object.defineProperty(copy, key, {
      value: shuffled(value[key] ?? null),
      enumerable: true,
      configurable: true,
      writable: true,
    })
  return copy
}
