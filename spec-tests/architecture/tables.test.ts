import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { tableWrites } from './table-writes.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

type Line = { owner: string; bound: string; collector: string; others: string[] }

/** The lines of docs/tables.md, by table; a section's first line names its columns. */
function documented(): Map<string, Line> {
  const lines = new Map<string, Line>()
  let header: string[] = []
  for (const text of read('docs/tables.md').split('\n')) {
    const cells = text.split('|').map((cell) => cell.trim())
    if (cells[1] === 'Table') header = cells
    const table = /^`(\w+)`$/.exec(cells[1] ?? '')?.[1]
    if (!table) continue
    const cell = (name: string) => cells[header.indexOf(name)] ?? ''
    lines.set(table, {
      owner: cell('Owner').replaceAll('`', ''),
      bound: cell('What bounds it'),
      collector: cell('Who collects'),
      others: [...cell('Also written by').matchAll(/`([\w/-]+\.ts)`/g)].map(([, file = '']) => file),
    })
  }
  return lines
}

describe('tables', () => {
  const lines = documented()
  const written = tableWrites()

  it('have an owner, a bound and a collector', () => {
    const migrations = readdirSync(new URL('migrations/', root)).map((file) => read(`migrations/${file}`))
    const named = (call: RegExp) => migrations.flatMap((text) => [...text.matchAll(call)].map(([, name]) => name))
    const dropped = new Set(named(/dropTable\('(\w+)'/g))
    const tables = new Set(['migrations', ...named(/createTable\('(\w+)'/g)]).difference(dropped)

    assert.deepEqual([...lines.keys()].sort(), [...tables].sort())
    for (const [table, { owner, bound, collector }] of lines) {
      assert.ok(existsSync(new URL(`src/store/${owner}`, root)), owner)
      assert.ok(bound && collector, table)
    }
  })

  it('are written by their owners and by the modules that stand beside them, and by no others', () => {
    const writers = (files: Iterable<string>) => [...files].sort().join(' ')
    const found = [...written].map(([table, files]) => `${table}: ${writers(files)}`)
    const listed = [...lines].map(([table, { owner, others }]) => `${table}: ${writers([owner, ...others])}`)

    assert.deepEqual(found.sort(), listed.sort())
  })
})
