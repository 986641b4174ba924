import assert from 'node:assert/strict'
import { canonicalJson } from '#protocol/json/canonical-json.ts'
import type { JsonValue } from '#protocol/events/event.ts'
import { parseStrictJson } from '#protocol/json/parse-json.ts'

/** https://spec.matrix.org/v1.19/appendices/#examples */
const examples: [input: string, canonical: string][] = [
  ['{}', '{}'],
  ['{"one": 1, "two": "Two"}', '{"one":1,"two":"Two"}'],
  ['{"b": "2", "a": "1"}', '{"a":"1","b":"2"}'],
  ['{"b":"2","a":"1"}', '{"a":"1","b":"2"}'],
  [
    `{"auth": {"success": true, "mxid": "@john.doe:example.com", "profile": {"display_name": "John Doe",
      "three_pids": [{"medium": "email", "address": "john.doe@example.org"},
                     {"medium": "msisdn", "address": "123456789"}]}}}`,
    '{"auth":{"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"address":"john.doe@example.org","medium":"email"},{"address":"123456789","medium":"msisdn"}]},"success":true}}',
  ],
  ['{"a": "日本語"}', '{"a":"日本語"}'],
  ['{"本": 2, "日": 1}', '{"日":1,"本":2}'],
  ['{"a": "\\u65E5"}', '{"a":"日"}'],
  ['{"a": null}', '{"a":null}'],
  ['{"a": -0, "b": 1e10}', '{"a":0,"b":10000000000}'],
]

/** https://spec.matrix.org/v1.19/appendices/#grammar */
const escapes: Record<string, string> = {
  ...Object.fromEntries([...'01234567bef'].map((x) => [`000${x}`, `\\u000${x}`])),
  ...Object.fromEntries([...'0123456789abcdef'].map((x) => [`001${x}`, `\\u001${x}`])),
  ...{ '0008': '\\b', '0009': '\\t', '000a': '\\n', '000c': '\\f', '000d': '\\r', '0022': '\\"', '005c': '\\\\' },
}

describe('canonical JSON, as the specification shows it,', () => {
  for (const [input, canonical] of examples)
    it(`is ${canonical.slice(0, 40)}`, () => {
      assert.equal(canonicalJson(JSON.parse(input) as JsonValue), canonical)
      for (const given of [input, Buffer.from(input), canonical])
        assert.equal(canonicalJson(parseStrictJson(given)), canonical)
    })

  it('escapes what it must and nothing else', () => {
    for (let code = 0; code < 0x100; code++) {
      const character = String.fromCharCode(code)
      const hex = code.toString(16).padStart(4, '0')
      const expected = `{"${escapes[hex] ?? character}":"${escapes[hex] ?? character}"}`
      assert.equal(canonicalJson({ [character]: character }), expected, hex)
      assert.equal(canonicalJson(parseStrictJson(`{"\\u${hex}":"\\u${hex.toUpperCase()}"}`)), expected, hex)
    }
  })

  it('has the integers of -(2^53)+1 to (2^53)-1, and keys in the order of their code points', () => {
    const text = '{"":-9007199254740991,"A":9007199254740991,"a":0,"ﬁ":[-1,1],"𝒜":10}'
    assert.equal(canonicalJson(parseStrictJson(text)), text)
  })
})
