import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { JsonObject } from '#protocol/events/event.ts'
import { compileGlob, matchesGlob } from '#protocol/glob.ts'
import { isServerAllowed, readServerAcl } from '#protocol/rooms/server-acl.ts'

describe('globs', () => {
  const cases: [pattern: string, matching: string[], others: string[]][] = [
    ['', [''], ['a']],
    ['*', ['', 'a', 'a.b\n'], []],
    ['?', ['a', 'é', '😀'], ['', 'ab', '😀😀']],
    ['a*b', ['ab', 'axb', 'abab'], ['a', 'b', 'aba', 'xab']],
    ['*.evil.example', ['a.evil.example', '.evil.example'], ['evil.example', 'a.evil.example.']],
    ['a**b', ['ab', 'axb'], ['a']],
    ['a*a', ['aa', 'aba'], ['a']],
    ['*ab*ab*', ['abab', 'xabxabx'], ['ab', 'aba']],
    ['a?c*', ['abc', 'a?cd'], ['ac', 'cc']],
    ['*?*', ['a', 'ab'], ['']],
    ['*?b', ['ab', 'xxb'], ['b']],
    ['[a-z].+^$(){}|\\', ['[a-z].+^$(){}|\\'], ['a']],
  ]
  for (const [pattern, matching, others] of cases)
    it(`match by ${JSON.stringify(pattern)}`, () => {
      for (const text of matching) assert.equal(matchesGlob(pattern, text), true, text)
      for (const text of others) assert.equal(matchesGlob(pattern, text), false, text)
    })

  it('match as a naive reference does', () => {
    const letters = (units: string[], maxLength: number) => fc.string({ unit: fc.constantFrom(...units), maxLength })
    fc.assert(
      fc.property(letters(['a', 'b', '*', '?', '😀'], 8), letters(['a', 'b', '😀'], 10), (pattern, text) => {
        assert.equal(matchesGlob(pattern, text), naive([...pattern], [...text]))
      }),
      { numRuns: 2000 },
    )
  })

  it('find long pieces with jokers wherever they are', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(100), fc.nat(70), (before, after, length) => {
        const text = `${'-'.repeat(before)}${'ab'.repeat(length)}c${'-'.repeat(after)}`
        assert.equal(matchesGlob(`*${'a?'.repeat(length)}c*`, text), true)
        assert.equal(matchesGlob(`*${'a?'.repeat(length)}d*`, text), false)
      }),
    )
  })

  it('T83 are not slowed by hostile patterns', () => {
    const text = 'a'.repeat(20_000)
    const pattern = compileGlob(`${'*a'.repeat(5_000)}*b`)
    for (let i = 0; i < 20; i++) assert.equal(pattern(text), false)
    assert.equal(matchesGlob(`*${'a'.repeat(10_000)}b*`, text), false)
    assert.equal(matchesGlob(`${'*'.repeat(60_000)}b`, text), false)
    assert.equal(matchesGlob(`*${'a?'.repeat(5_000)}b*`, text), false)
    assert.equal(matchesGlob(`*${'a?'.repeat(5_000)}*`, text), true)
  })
})

describe('server ACLs', () => {
  const everyone: JsonObject = { allow: ['*'] }
  const denied = (deny: string[], server: string) => !isServerAllowed({ allow: ['*'], deny }, server)

  it('let everyone in where there is none, and nobody where nobody is allowed', () => {
    assert.equal(isServerAllowed(undefined, 'a.example'), true)
    assert.equal(isServerAllowed(everyone, 'a.example'), true)
    for (const allow of [undefined, null, 'a.example', {}, [], [7, null]])
      assert.equal(isServerAllowed(allow === undefined ? {} : { allow }, 'a.example'), false)
  })

  it('deny before they allow', () => {
    assert.equal(isServerAllowed({ allow: ['a.example'], deny: ['*.example'] }, 'a.example'), false)
    assert.equal(isServerAllowed({ allow: ['a.example'], deny: ['b.example'] }, 'a.example'), true)
  })

  it('T36 do not care for case, port or a trailing dot', () => {
    for (const server of ['EVIL.example', 'evil.example:8448', 'evil.example:1', 'Evil.Example:443', 'evil.example.'])
      assert.equal(denied(['evil.example'], server), true, server)
    assert.equal(denied(['EVIL.EXAMPLE'], 'evil.example'), true)
    assert.equal(denied(['*.Evil.example'], 'a.EVIL.example:80'), true)
    assert.equal(denied(['evil.example'], 'notevil.example'), false)
    assert.equal(isServerAllowed({ allow: ['GOOD.example'] }, 'good.EXAMPLE:5'), true)
  })

  it('N31 know no letter as a Latin one but the Latin ones', () => {
    assert.equal(isServerAllowed({ allow: ['\u212a.example'] }, 'k.example'), false)
    assert.equal(isServerAllowed({ allow: ['K.example'] }, 'k.example'), true)
  })

  it('T36 deny a name with a trailing dot by either form, and allow it only as it is', () => {
    assert.equal(denied(['evil.example.'], 'evil.example.'), true)
    assert.equal(denied(['evil.example.'], 'evil.example.:8448'), true)
    assert.equal(denied(['evil.example.'], 'evil.example'), false)
    assert.equal(denied(['*.'], 'evil.example.'), true)
    assert.equal(denied(['*.'], 'evil.example'), false)
    assert.equal(denied(['*.example'], 'evil.example.'), true)
    assert.equal(isServerAllowed({ allow: ['good.example.'] }, 'good.example.'), true)
    assert.equal(isServerAllowed({ allow: ['good.example.'] }, 'good.example'), false)
    assert.equal(isServerAllowed({ allow: ['good.example'] }, 'good.example.'), false)
  })

  it('T36 match international names as they are spelled on the wire', () => {
    assert.equal(denied(['xn--bcher-kva.example'], 'XN--BCHER-KVA.example'), true)
    assert.equal(denied(['bücher.example'], 'xn--bcher-kva.example'), false)
  })

  it('T36 tell addresses from names', () => {
    const namesOnly = { ...everyone, allow_ip_literals: false }
    for (const server of ['1.2.3.4', '1.2.3.4:8448', '1.2.3.4.', '[::1]', '[::1]:8448', '[1234:5678::abcd]'])
      assert.deepEqual([isServerAllowed(namesOnly, server), isServerAllowed(everyone, server)], [false, true], server)
    for (const server of ['1.2.3.4.example', '1.2.3', 'a.example'])
      assert.equal(isServerAllowed(namesOnly, server), true, server)
    for (const allow_ip_literals of [true, null, 'false', 0])
      assert.equal(isServerAllowed({ ...everyone, allow_ip_literals }, '1.2.3.4'), true)
    assert.equal(denied(['[::1]'], '[::1]:80'), true)
    assert.equal(denied(['1.2.3.*'], '1.2.3.4:80'), true)
  })

  it('let in nothing that is no server name', () => {
    for (const server of ['', 'a b', 'evil.example:1:2', 'a/b']) assert.equal(isServerAllowed(everyone, server), false)
  })

  it('T37 answer quickly however hostile their patterns are', () => {
    const deny = Array.from({ length: 10_000 }, (_, i) => `${'*a'.repeat(100)}*${i}`)
    const acl = readServerAcl({ allow: ['*'], deny })
    assert.equal(acl('a'.repeat(255)), true)
  })
})

function naive(pattern: string[], text: string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return text.length === 0
  if (first === '*') return naive(rest, text) || (text.length > 0 && naive(pattern, text.slice(1)))
  return text.length > 0 && (first === '?' || first === text[0]) && naive(rest, text.slice(1))
}
