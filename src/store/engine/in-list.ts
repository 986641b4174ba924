import type { Knex } from 'knex'
import type { Engine } from './engine.ts'

/** A condition "column is one of these" with one binding, so that its text stays the same for any number of values. */
export function inList(
  kind: Engine['kind'],
  column: string,
  values: readonly (string | number)[],
): [string, Knex.RawBinding[]] {
  if (kind === 'sqlite') return [`${column} in (select value from json_each(?))`, [JSON.stringify(values)]]
  const type = typeof values[0] === 'number' ? 'bigint' : 'text'
  return [`${column} = any(?::${type}[])`, [values as string[]]]
}
