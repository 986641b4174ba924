import assert from 'node:assert/strict'
import { isIPv6 } from 'node:net'
import fc from 'fast-check'
import {
  hostOf,
  isCompliantUserId,
  isIpLiteral,
  isValidEventId,
  isValidLocalpart,
  isValidRoomAlias,
  isValidRoomId,
  isValidServerName,
  isValidUserId,
  localpartOf,
  serverOf,
} from '#protocol/ids.ts'

describe('ids', () => {
  it('have the server after the first colon and the localpart before it', () => {
    assert.equal(serverOf('@a:b.c:8448'), 'b.c:8448')
    assert.equal(serverOf('@a:[::1]:80'), '[::1]:80')
    assert.equal(serverOf('$hash'), '')
    assert.equal(localpartOf('@a:b:80'), 'a')
    assert.equal(localpartOf('$hash'), 'hash')
  })
})

describe('server names', () => {
  const valid = [
    ...['matrix.org', 'matrix.org:8888', '1.2.3.4', '1.2.3.4:1234', '[1234:5678::abcd]', '[1234:5678::abcd]:5678'],
    ...['[::]', '[1:2:3:4:5:6:7:8]', '[::ffff:1.2.3.4]', '[FE80::1]:1', '[1::]'],
    ...['localhost', 'MATRIX.org', 'xn--bcher-kva.example', 'a'.repeat(255)],
  ]
  for (const name of valid)
    it(`may be ${name.slice(0, 30)}`, () => {
      assert.equal(isValidServerName(name), true)
    })

  const invalid = [
    ...['', ':80', 'a:', 'a:x', 'a:123456', 'a b', 'a_b', 'bücher.example', '[::1', '::1', '[]', '[xyz]', 'a:1:2'],
    ...['[::::::]', '[1:2:3:4:5:6:7]', '[1:2:3:4:5:6:7:8:9]', '[1::2::3]', '[12345::]', '[::1.2.3]', '[::1.2.3.256]'],
    ...['[1.2.3.4]', '[:]', '[...]', '[::]x', '[::%1]', '[::]:'],
    ...['256.1.1.1', 'a\n', 'a/b', 'a@b', 'a'.repeat(256)],
  ]
  for (const name of invalid)
    it(`may not be ${JSON.stringify(name.slice(0, 30))}`, () => {
      assert.equal(isValidServerName(name), false)
    })

  it('hold the addresses of RFC 3513, as other programs read them', () => {
    const pieces = ['::', ':', '0', 'f', '12ab', '1.2.3.4', '256', '.']
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 17 }), (parts) => {
        const text = parts.join('').slice(0, 45)
        assert.equal(isValidServerName(`[${text}]`), isIPv6(text), text)
      }),
      { numRuns: 5000 },
    )
    for (let length = 1; length <= 9; length++) {
      const groups = Array.from({ length }, () => 'a')
      assert.equal(isValidServerName(`[${groups.join(':')}]`), length === 8)
      for (let gap = 0; gap <= length; gap++) {
        const text = `${groups.slice(0, gap).join(':')}::${groups.slice(gap).join(':')}`
        assert.equal(isValidServerName(`[${text}]`), length < 8, text)
      }
    }
  })

  it('have a host, and may be addresses', () => {
    assert.equal(hostOf('a.b:80'), 'a.b')
    assert.equal(hostOf('[::1]'), '[::1]')
    assert.equal(hostOf('[::1]:80'), '[::1]')
    assert.deepEqual(['1.2.3.4', '1.2.3.4:80', '[::1]', '[::1]:80'].map(isIpLiteral), [true, true, true, true])
    assert.deepEqual(['a.b', '1.2.3', '1.2.3.4.5', '1.2.3.4a'].map(isIpLiteral), [false, false, false, false])
  })
})

describe('user ids', () => {
  it('follow the historical grammar when others made them', () => {
    for (const id of ['@a:b', '@:b', '@A B!:b', '@é😀:b', '@\u0007:b', '@a:b:80'])
      assert.equal(isValidUserId(id), true, id)
    for (const id of ['a:b', '@a', '@a:', '@a\0:b', '@\ud800:b', '@a:b:c', '!a:b'])
      assert.equal(isValidUserId(id), false, id)
  })

  it("follow today's grammar when new", () => {
    for (const localpart of ['a', 'a-z.0_9=/+']) assert.equal(isValidLocalpart(localpart), true, localpart)
    for (const localpart of ['', 'A', 'é', 'a b', 'a:b', 'a*', 'a\n']) assert.equal(isValidLocalpart(localpart), false)
    assert.equal(isCompliantUserId('@a:b'), true)
    assert.equal(isCompliantUserId('@A:b'), false)
  })

  it('T11 are at most 255 bytes, not characters', () => {
    assert.equal(isValidUserId(`@${'a'.repeat(252)}:b`), true)
    assert.equal(isValidUserId(`@${'a'.repeat(253)}:b`), false)
    assert.equal(isValidUserId(`@${'é'.repeat(126)}:b`), true)
    assert.equal(isValidUserId(`@${'é'.repeat(127)}:b`), false)
  })
})

describe('room ids, aliases and event ids', () => {
  it('may name rooms with a domain or by hash', () => {
    for (const id of ['!a:b', '!:b', `!${'A-_9'.repeat(10)}abc`]) assert.equal(isValidRoomId(id), true, id)
    for (const id of ['!', '!short', 'a:b', '!a:', `!${'A/+9'.repeat(10)}abc`])
      assert.equal(isValidRoomId(id), false, id)
  })

  it('may name aliases with any characters but colon and NUL', () => {
    for (const id of ['#a:b', '#é 😀:b', '#:b']) assert.equal(isValidRoomAlias(id), true, id)
    for (const id of ['#a', '#a\0:b', 'a:b', '#a:b c', `#${'é'.repeat(127)}:b`])
      assert.equal(isValidRoomAlias(id), false)
  })

  it('name events opaquely', () => {
    for (const id of ['$a', '$a:b', '$a/b+c']) assert.equal(isValidEventId(id), true, id)
    for (const id of ['$', 'a', `$${'a'.repeat(255)}`]) assert.equal(isValidEventId(id), false, id)
  })
})
