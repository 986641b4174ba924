import assert from 'node:assert/strict'
import fc from 'fast-check'
import { JsonError, maxJsonDepth, parseStrictJson } from '#protocol/json/parse-json.ts'

const refusal = (text: string | Uint8Array, maxDepth?: number): string => {
  try {
    parseStrictJson(text, { maxDepth })
    return 'accepted'
  } catch (error) {
    assert.ok(error instanceof JsonError, String(error))
    return error.kind
  }
}

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
const whole = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** Whether all numbers are in the range that JSON shares with doubles. */
const isExact = (value: unknown): boolean => {
  const numbers: number[] = []
  JSON.parse(JSON.stringify(value), (_key, item: unknown) => (typeof item === 'number' ? numbers.push(item) : item))
  return numbers.every((number) => Math.abs(number) <= Number.MAX_SAFE_INTEGER)
}

describe('parseStrictJson', () => {
  it('returns every JSON value as it was written', () => {
    const json = fc.jsonValue({ stringUnit: 'binary', maxDepth: 6 }).filter(isExact)
    fc.assert(
      fc.property(json, (value) => {
        const text = JSON.stringify(value)
        assert.deepEqual(parseStrictJson(text), whole(value))
        assert.deepEqual(parseStrictJson(Buffer.from(text)), whole(value))
        assert.equal(JSON.stringify(parseStrictJson(text)), text)
      }),
    )
  })

  it('accepts no text that JSON.parse refuses, and calls it not-json', () => {
    const pieces = fc.array(
      fc.constantFrom('{', '}', '[', ']', '"', '\\', 'u', 'd800', ':', ',', '1', '-', '.', 'e', 'a', ' '),
    )
    fc.assert(
      fc.property(pieces, (parts) => {
        const text = parts.join('')
        let legal = true
        try {
          JSON.parse(text)
        } catch {
          legal = false
        }
        assert.equal(refusal(text) === 'not-json', !legal, text)
      }),
      { numRuns: 2000 },
    )
  })

  for (const text of [
    '',
    'NaN',
    '{"a":NaN}',
    'Infinity',
    '-Infinity',
    '{a:1}',
    "{'a':1}",
    '[1,]',
    '01',
    '"\t"',
    '\ufeff{}',
  ])
    it(`T03 refuses ${JSON.stringify(text)} as not-json`, () => assert.equal(refusal(text), 'not-json'))

  for (const text of ['1e400', '-1e400', '{"a":[1e309]}'])
    it(`T03 refuses the overflow ${text}`, () => assert.equal(refusal(text), 'bad-json'))

  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"b":{"c":1,"c":2}}',
    '[{"a":1,"\\u0061":2}]',
    '{"":0,"":0}',
    '{"__proto__":1,"__proto__":2}',
    '{"0":{"x":1},"0":{}}',
  ])
    it(`T03 refuses the repeated key in ${text}`, () => assert.equal(refusal(text), 'bad-json'))

  for (const text of [
    '"\\ud800"',
    '"\\uDFFF"',
    '{"\\ud800":1}',
    '"\\ud800\\ud800"',
    '"\\ude00\\ud83d"',
    '"\ud800"',
    '"\ud83dx"',
  ])
    it(`T03 refuses the lone surrogate in ${JSON.stringify(text)}`, () => assert.equal(refusal(text), 'bad-json'))

  it('T03 accepts surrogate pairs, written raw or escaped in either case', () => {
    assert.equal(parseStrictJson('"\\ud83d\\ude00"'), '😀')
    assert.equal(parseStrictJson('"\\uD83D\\uDE00 \\\\ud800"'), '😀 \\ud800')
    assert.deepEqual(parseStrictJson('{"😀\\n":"\\"\\\\"}'), { '😀\n': '"\\' })
  })

  it('T03 refuses invalid UTF-8 as not-json', () => {
    assert.equal(refusal(Buffer.from([0x22, 0xff, 0x22])), 'not-json')
    assert.equal(refusal(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])), 'not-json')
    assert.equal(refusal(Buffer.from([0x22, 0xc0, 0x80, 0x22])), 'not-json')
  })

  it('T03 keeps U+0000 as a text PostgreSQL can hold', () => {
    const text = '{"a\\u0000":"\\u0000"}'
    const parsed = parseStrictJson(text)
    assert.deepEqual(parsed, { 'a\0': '\0' })
    assert.equal(JSON.stringify(parsed), text)
  })

  it('T03 turns -0 into 0, however deep, and leaves the rest', () => {
    for (const text of ['-0', '-0.0', '-0e3']) assert.ok(Object.is(parseStrictJson(text), 0))
    assert.deepEqual(parseStrictJson('{"a":[-0,-1,-1.5],"b":"-0"}'), { a: [0, -1, -1.5], b: '-0' })
  })

  for (const text of [
    '9007199254740992',
    '9007199254740993',
    '-9007199254740992',
    '[1e16]',
    '1e300',
    '9007199254740992.0',
  ])
    it(`T04 refuses ${text}, which a double cannot be trusted with`, () => assert.equal(refusal(text), 'bad-json'))

  for (const text of ['9007199254740991.4', '1e-400', '0.99999999999999999999999', '-1.00000000000000000000001'])
    it(`T04 refuses to round ${text} to an integer`, () => assert.equal(refusal(text), 'bad-json'))

  it('T04 keeps the largest exact integers, decimals and exponents', () => {
    const text = '[9007199254740991,-9007199254740991,1.5,1e10,1.0,0.1,-2.5e-3,1E+2,10e-1,0.0,0e9,1234567890123456]'
    const expected = [2 ** 53 - 1, 1 - 2 ** 53, 1.5, 10_000_000_000, 1, 0.1, -0.0025, 100, 1, 0, 0, 1234567890123456]
    assert.deepEqual(parseStrictJson(text), expected)
  })

  it('T05 keeps __proto__, constructor and toJSON as own keys without pollution', () => {
    for (const number of ['1', '-0']) {
      const text = `{"__proto__":{"polluted":${number}},"constructor":{"prototype":{"x":1}},"toJSON":"a","hasOwnProperty":null}`
      const parsed = parseStrictJson(text) as Record<string, unknown>
      assert.deepEqual(Object.keys(parsed), ['__proto__', 'constructor', 'toJSON', 'hasOwnProperty'])
      assert.equal(JSON.stringify(parsed), text.replace('-0', '0'))
      assert.equal(parsed['polluted'], undefined)
      assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
      assert.equal(Object.getPrototypeOf(parsed), Object.prototype)
      assert.equal(JSON.stringify({ ...parsed }), JSON.stringify(parsed))
    }
  })

  it('T06 refuses 100,000 nested arrays or objects without a stack overflow', () => {
    assert.equal(refusal(nested(100_000)), 'bad-json')
    assert.equal(refusal('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)), 'bad-json')
    assert.equal(refusal('['.repeat(100_000)), 'not-json')
  })

  it('T06 accepts nesting up to the bound and brackets inside strings', () => {
    assert.equal(refusal(nested(maxJsonDepth)), 'accepted')
    assert.equal(refusal(nested(maxJsonDepth + 1)), 'bad-json')
    assert.equal(refusal(nested(4), 3), 'bad-json')
    assert.equal(refusal(JSON.stringify(nested(1000))), 'accepted')
    assert.equal(refusal('['.repeat(50) + '[],'.repeat(500) + '[]' + ']'.repeat(50)), 'accepted')
  })

  it('never counts what is inside strings as structure', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', '\\', ':', '{', '[', '9', 'u', 'é', '\n', 'a') }), (text) => {
        assert.deepEqual(parseStrictJson(JSON.stringify({ [text]: [text, text] })), { [text]: [text, text] })
      }),
    )
  })
})
