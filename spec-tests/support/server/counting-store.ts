import type { Store } from '#store/open.ts'

/** What was asked of a store: calls of its modules, and what they answered or wrote, row by row. */
export type Counts = { calls: number; rows: number }

/** The same store, which counts. */
export function countingStore(store: Store): { store: Store; counts: Counts } {
  const counts: Counts = { calls: 0, rows: 0 }
  const counted =
    (method: (...given: unknown[]) => unknown) =>
    (...given: unknown[]) => {
      const answer = method(...given)
      if (!(answer instanceof Promise)) return answer
      counts.calls++
      return answer.then((value: unknown) => {
        counts.rows += rowsIn(value)
        return value
      })
    }
  // Modules stand in groups, one for each domain.
  const wrap = (module: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(module).map(([name, part]) => {
        if (typeof part === 'function') return [name, counted(part.bind(module) as (...given: unknown[]) => unknown)]
        return [name, isModule(part) ? wrap(part) : part]
      }),
    )
  const modules = Object.entries(store).map(([name, module]) => [name, isModule(module) ? wrap(module) : module])
  return { store: Object.fromEntries(modules) as Store, counts }
}

const isModule = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

function rowsIn(value: unknown): number {
  if (Array.isArray(value)) return value.length
  if (value instanceof Map || value instanceof Set) return value.size
  if (isModule(value) && Array.isArray(value.positions)) return value.positions.length
  return value === undefined ? 0 : 1
}
