import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'

const root = new URL('../../', import.meta.url)

/** What tells the engines apart, in code and in SQL. */
const differences =
  /'(?:sqlite|postgres)'|\b(?:json_each|unnest|pragma|ctid|lateral|collate|for update|skipLocked|rowid)\b/

describe('the differences between the engines', () => {
  it('are known to store/engine alone', () => {
    const files = globSync('src/**/*.ts', { cwd: root }).filter((file) => !file.startsWith('src/store/engine/'))
    const found = files.flatMap((file) =>
      readFileSync(new URL(file, root), 'utf8')
        .split('\n')
        .filter((line) => differences.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    )

    assert.deepEqual(found, [])
  })
})
