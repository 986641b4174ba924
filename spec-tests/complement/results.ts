/** How one test of Complement, or one of its subtests, ended. */
export type Verdict = 'PASS' | 'FAIL' | 'SKIP'

/** Verdicts by the name of the test; a subtest's name begins with its parent's and a slash. */
export type Results = ReadonlyMap<string, Verdict>

const verdicts: Readonly<Record<string, Verdict>> = { pass: 'PASS', fail: 'FAIL', skip: 'SKIP' }

/** Reads what `go test -json` prints: one event a line. A test without an end, as after a panic, failed. */
export function readGoResults(text: string): Results {
  const results = new Map<string, Verdict>()
  for (const line of text.split('\n')) {
    if (!line.startsWith('{')) continue
    const { Action: action, Test: test } = JSON.parse(line) as { Action: string; Test?: string }
    if (test === undefined) continue
    if (action === 'run') results.set(test, 'FAIL')
    const verdict = verdicts[action]
    if (verdict !== undefined) results.set(test, verdict)
  }
  return results
}

/** The list as it is committed: sorted, one test a line. */
export const formatResults = (results: Results): string =>
  [...results]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([test, verdict]) => `${verdict} ${test}\n`)
    .join('')

/** Reads a committed list. */
export function parseResults(text: string): Results {
  const lines = text.split('\n').filter((line) => line !== '')
  return new Map(lines.map((line) => [line.slice(5), line.slice(0, 4) as Verdict]))
}

export type Counts = Record<Verdict, number>

/** How many top-level tests and how many subtests ended how. */
export function countResults(results: Results): { topLevel: Counts; subtests: Counts } {
  const none = { PASS: 0, FAIL: 0, SKIP: 0 }
  const counts = { topLevel: { ...none }, subtests: { ...none } }
  for (const [test, verdict] of results) counts[test.includes('/') ? 'subtests' : 'topLevel'][verdict]++
  return counts
}

export type Changes = { better: string[]; worse: string[]; fresh: string[]; gone: string[] }

/** What changed between two runs. Without `whole`, tests that did not run now are not missed. */
export function compareResults(before: Results, after: Results, { whole }: { whole: boolean }): Changes {
  const names = [...after.keys()].toSorted()
  const wasOtherwise = (test: string) => before.has(test) && before.get(test) !== after.get(test)
  return {
    better: names.filter((test) => wasOtherwise(test) && after.get(test) === 'PASS'),
    worse: names.filter((test) => wasOtherwise(test) && after.get(test) !== 'PASS'),
    fresh: names.filter((test) => !before.has(test)),
    gone: whole ? [...before.keys()].filter((test) => !after.has(test)) : [],
  }
}
