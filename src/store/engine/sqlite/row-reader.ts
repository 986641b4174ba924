import type { SQLInputValue, StatementSync } from 'node:sqlite'
import type { Row } from '#store/engine/engine.ts'

/**
 * Runs statements that return rows. They are read as arrays and made objects here: the objects of node:sqlite are in
 * dictionary mode, which takes twice the time to make and to read.
 */
export function rowReader(): (statement: StatementSync, bindings: readonly unknown[]) => Row[] {
  const shapes = new WeakMap<StatementSync, Shape>()

  /** Read once for each statement, and again when a changed table has other columns. */
  const shapeOf = (statement: StatementSync, count: number): Shape => {
    const known = shapes.get(statement)
    if (known?.names.length === count) return known
    const names = statement.columns().map(({ name }) => name)
    const shape = { names, empty: Object.fromEntries(names.map((name) => [name, null])) }
    shapes.set(statement, shape)
    return shape
  }

  return (statement, bindings) => {
    statement.setReturnArrays(true)
    const rows = statement.all(...(bindings as SQLInputValue[])) as unknown as unknown[][]
    const [first] = rows
    if (!first) return []
    const shape = shapeOf(statement, first.length)
    return rows.map((values) => rowOf(shape, values))
  }
}

/** The names of the columns, and a row to copy: it has room for all of them, where one that grows is moved again and again. */
type Shape = { names: readonly string[]; empty: Row }

function rowOf({ names, empty }: Shape, values: readonly unknown[]): Row {
  const row = { ...empty }
  for (let index = 0; index < names.length; index++) row[names[index] as string] = values[index]
  return row
}
