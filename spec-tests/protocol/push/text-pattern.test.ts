import assert from 'node:assert/strict'
import fc from 'fast-check'
import { compilePattern } from '#protocol/push/text-pattern.ts'

/** The rule as the specification words it, in exponential time: for short inputs only. */
const matchesSlowly = (pattern: string, text: string): boolean => {
  if (pattern === '') return text === ''
  const [first, ...rest] = pattern
  const [char, ...after] = text
  if (first === '*')
    return matchesSlowly(rest.join(''), text) || (char !== undefined && matchesSlowly(pattern, after.join('')))
  return char !== undefined && (first === '?' || first === char) && matchesSlowly(rest.join(''), after.join(''))
}

const isBoundary = (text: string, at: number) =>
  at === 0 || at === text.length || !/\w/.test(text[at - 1] ?? '') || !/\w/.test(text[at] ?? '')

const matchesWordsSlowly = (pattern: string, text: string): boolean => {
  const places = Array.from({ length: text.length + 1 }, (_, at) => at).filter((at) => isBoundary(text, at))
  return places.some((from) => places.some((to) => from <= to && matchesSlowly(pattern, text.slice(from, to))))
}

const small = fc.string({ unit: fc.constantFrom('a', 'b', '-', '*', '?'), maxLength: 7 })
const smallText = fc.string({ unit: fc.constantFrom('a', 'b', '-', ' '), maxLength: 9 })

describe('text pattern', () => {
  it('agrees with the definition of globs on the whole text', () => {
    fc.assert(
      fc.property(small, smallText, (p, t) => compilePattern(p)(t) === matchesSlowly(p, t)),
      { numRuns: 1000 },
    )
  })

  it('agrees with the definition of globs on words', () => {
    fc.assert(
      fc.property(small, smallText, (p, t) => compilePattern(p, { words: true })(t) === matchesWordsSlowly(p, t)),
      { numRuns: 1000 },
    )
  })

  it('takes no character but * and ? as special, and none when literal', () => {
    assert.equal(compilePattern('a.c')('abc'), false)
    assert.equal(compilePattern('(a+)+$')('(a+)+$'), true)
    assert.equal(compilePattern('[a]*')('a'), false)
    assert.equal(compilePattern('a*', { words: true, literal: true })('abc'), false)
    assert.equal(compilePattern('a*', { words: true, literal: true })('my a* b'), true)
  })

  it('counts an emoji as one character', () => {
    assert.equal(compilePattern('?')('😀'), true)
    assert.equal(compilePattern('??')('😀'), false)
    assert.equal(compilePattern('😀*')('😀x'), true)
  })

  it('follows patterns longer than one machine word', () => {
    for (const length of [30, 31, 32, 33, 63, 64, 65, 200]) {
      const text = 'abcdefg'.repeat(30).slice(0, length)
      assert.equal(compilePattern(`${text}?`)(`${text}x`), true)
      assert.equal(compilePattern(`${text}?`)(text), false)
      assert.equal(compilePattern(text, { words: true })(`see ${text}, there`), true)
      assert.equal(compilePattern(text, { words: true })(`see ${text}x`), false)
      assert.equal(compilePattern(`*${text}*`)(`..${text}..`), true)
      assert.equal(compilePattern(`${text}*b`)(`${text}${text}b`), true)
    }
  })

  it('T83 takes linear time with hostile patterns', () => {
    const text = 'a'.repeat(65_000)
    const hostile = [
      '*a'.repeat(120) + 'b',
      'a?'.repeat(120) + 'b',
      '*'.repeat(255) + 'b',
      'a'.repeat(254) + 'b',
      '(a+)+b',
    ]
    for (let round = 0; round < 10; round++)
      for (const pattern of hostile) {
        assert.equal(compilePattern(pattern)(text), false)
        assert.equal(compilePattern(pattern, { words: true })(text), false)
      }
  })
})
