import assert from 'node:assert/strict'
import { compareResults, countResults, formatResults, parseResults, readGoResults } from './results.ts'

const line = (Action: string, Test?: string) => JSON.stringify({ Action, Test })

describe('results of Complement', () => {
  it('are the last word on each test, and a failure where the last word is missing', () => {
    const output = [
      line('start'),
      line('run', 'TestA'),
      line('run', 'TestA/part'),
      line('pass', 'TestA/part'),
      line('pass', 'TestA'),
      line('run', 'TestB'),
      line('skip', 'TestB'),
      line('run', 'TestCrash'),
      'panic: no JSON',
      line('fail'),
    ].join('\n')
    const expected = { TestA: 'PASS', 'TestA/part': 'PASS', TestB: 'SKIP', TestCrash: 'FAIL' }
    assert.deepEqual(Object.fromEntries(readGoResults(output)), expected)
  })

  it('are written in order and read again', () => {
    const results = new Map([
      ['TestB with spaces', 'FAIL'],
      ['TestA', 'PASS'],
    ] as const)
    assert.equal(formatResults(results), 'PASS TestA\nFAIL TestB with spaces\n')
    assert.deepEqual(new Map([...parseResults(formatResults(results))].reverse()), results)
  })

  it('are counted at the top and below', () => {
    const results = parseResults('PASS TestA\nFAIL TestA/a\nSKIP TestA/b\nPASS TestA/b/c\n')
    assert.deepEqual(countResults(results), {
      topLevel: { PASS: 1, FAIL: 0, SKIP: 0 },
      subtests: { PASS: 1, FAIL: 1, SKIP: 1 },
    })
  })

  it('are compared by name; of a part of the tests the others are not missed', () => {
    const before = parseResults('PASS TestA\nFAIL TestB\nPASS TestC\n')
    const after = parseResults('FAIL TestA\nPASS TestB\nPASS TestD\n')
    const changes = { better: ['TestB'], worse: ['TestA'], fresh: ['TestD'] }
    assert.deepEqual(compareResults(before, after, { whole: true }), { ...changes, gone: ['TestC'] })
    assert.deepEqual(compareResults(before, after, { whole: false }), { ...changes, gone: [] })
  })
})
