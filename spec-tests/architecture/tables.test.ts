import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

describe('tables', () => {
  it('have an owner, a bound and a collector', () => {
    const migrations = readdirSync(new URL('migrations/', root)).map((file) => read(`migrations/${file}`))
    const named = (call: RegExp) => migrations.flatMap((text) => [...text.matchAll(call)].map(([, name]) => name))
    const dropped = new Set(named(/dropTable\('(\w+)'/g))
    const tables = named(/createTable\('(\w+)'/g).filter((name) => !dropped.has(name))
    const lines = read('docs/tables.md').matchAll(/^\| `(\w+)` +\| `([\w/-]+\.ts)` +\| *\S.*\| *\S.*\|$/gm)
    const owners = new Map([...lines].map(([, table, owner]) => [table, owner ?? '']))

    assert.deepEqual(
      tables.filter((table) => !owners.has(table)),
      [],
    )
    for (const owner of owners.values()) assert.ok(read(`src/store/${owner}`), owner)
  })
})
