import type { SQLInputValue, StatementSync } from 'node:sqlite'
import type { Row } from '#store/engine/engine.ts'

/**
 * Runs statements that return rows. They are read as arrays and made objects here: the objects of node:sqlite are in
 * dictionary mode, which takes twice the time to make and to read.
 */
export function rowReader(): (statement: StatementSync, bindings: readonly unknown[]) => Row[] {
  const columnsOf = new WeakMap<StatementSync, string[]>()

  /** Read once for each statement, and again when a changed table has other columns. */
  const columns = (statement: StatementSync, count: number | undefined): string[] => {
    const known = columnsOf.get(statement)
    if (known && (count === undefined || known.length === count)) return known
    const names = statement.columns().map(({ name }) => name)
    columnsOf.set(statement, names)
    return names
  }

  return (statement, bindings) => {
    statement.setReturnArrays(true)
    const rows = statement.all(...(bindings as SQLInputValue[])) as unknown as unknown[][]
    const names = columns(statement, rows[0]?.length)
    return rows.map((values) => rowOf(names, values))
  }
}

function rowOf(names: readonly string[], values: readonly unknown[]): Row {
  const row: Row = {}
  for (let index = 0; index < names.length; index++) row[names[index] as string] = values[index]
  return row
}
