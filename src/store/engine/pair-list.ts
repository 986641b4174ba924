import type { Knex } from 'knex'
import type { Engine } from './engine.ts'

export type Pair = readonly [string, string]

/** A condition "both columns are one of these pairs" whose text stays the same for any number of pairs. */
export function pairList(kind: Engine['kind'], columns: Pair, pairs: readonly Pair[]): [string, Knex.RawBinding[]] {
  const names = `(${columns.join(', ')})`
  if (kind === 'sqlite')
    return [`${names} in (select value ->> 0, value ->> 1 from json_each(?))`, [JSON.stringify(pairs)]]
  return [
    `${names} in (select * from unnest(?::text[], ?::text[]))`,
    [pairs.map(([first]) => first), pairs.map(([, second]) => second)],
  ]
}
