import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parsePropertyPath, propertyAt } from '#protocol/json/property-path.ts'

const escape = (name: string) => name.replace(/[.\\]/g, '\\$&')

describe('property path', () => {
  it('comes back from names whose dots and backslashes were escaped', () => {
    const names = fc.array(fc.string({ unit: fc.constantFrom('a', '.', '\\', 'm') }), { minLength: 1, maxLength: 4 })
    fc.assert(fc.property(names, (some) => assert.deepEqual(parsePropertyPath(some.map(escape).join('.')), some)))
  })

  it('leaves other escapes as they are', () => {
    assert.deepEqual(parsePropertyPath('content.a\\x'), ['content', 'a\\x'])
    assert.deepEqual(parsePropertyPath('content.a\\'), ['content', 'a\\'])
  })

  it('T05 leads to own properties of objects only', () => {
    assert.equal(propertyAt({ a: { b: 1 } }, ['a', 'b']), 1)
    assert.equal(propertyAt({ a: [1] }, ['a', '0']), undefined)
    assert.equal(propertyAt({ a: 'text' }, ['a', 'length']), undefined)
    assert.equal(propertyAt({}, ['constructor']), undefined)
    assert.equal(propertyAt({ a: null }, ['a', 'b']), undefined)
  })
})
