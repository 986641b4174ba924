import type { Store } from '#store/open.ts'

/** What was asked of a store: calls of its modules, and what they answered or wrote, row by row. */
export type Counts = { calls: number; rows: number }

/** The same store, which counts, and writes down the names of what is called. */
export function countingStore(store: Store): { store: Store; counts: Counts; names: string[] } {
  const counts: Counts = { calls: 0, rows: 0 }
  const names: string[] = []
  const counted =
    (name: string, method: (...given: unknown[]) => unknown) =>
    (...given: unknown[]) => {
      const answer = method(...given)
      if (!(answer instanceof Promise)) return answer
      counts.calls++
      names.push(name)
      return answer.then((value: unknown) => {
        counts.rows += rowsIn(value)
        return value
      })
    }
  // Modules stand in groups, one for each domain.
  const wrap = (module: Record<string, unknown>, path: string): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(module).map(([key, part]) => {
        const name = `${path}.${key}`
        if (typeof part === 'function')
          return [key, counted(name, part.bind(module) as (...given: unknown[]) => unknown)]
        return [key, isModule(part) ? wrap(part, name) : part]
      }),
    )
  const modules = Object.entries(store).map(([name, module]) => [name, isModule(module) ? wrap(module, name) : module])
  return { store: Object.fromEntries(modules) as Store, counts, names }
}

const isModule = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

function rowsIn(value: unknown): number {
  if (Array.isArray(value)) return value.length
  if (value instanceof Map || value instanceof Set) return value.size
  if (isModule(value) && Array.isArray(value.positions)) return value.positions.length
  return value === undefined ? 0 : 1
}
