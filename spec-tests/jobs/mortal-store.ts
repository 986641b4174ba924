import type { Store } from '#store/open.ts'

export type Mortal = {
  store: Store
  /** Resolves when the process has died: none of its calls is answered any more. */
  died: Promise<void>
}

/**
 * The store as a process sees it that dies at one of its calls: before the call is carried out, or after it but before
 * the answer comes.
 */
export function mortalStore(store: Store, { dieAt, isDone }: { dieAt: number; isDone: boolean }): Mortal {
  let calls = 0
  const { promise: died, resolve: die } = Promise.withResolvers<void>()
  const never = new Promise<never>(() => {})
  const wrapped =
    (method: (...given: unknown[]) => Promise<unknown>) =>
    async (...given: unknown[]) => {
      const call = ++calls
      if (call < dieAt) {
        const answer = await method(...given)
        return calls >= dieAt ? never : answer
      }
      if (call === dieAt && isDone) await method(...given)
      die()
      return never
    }
  const wrap = (module: object): object =>
    Object.fromEntries(
      Object.entries(module).map(([name, part]: [string, unknown]) => [
        name,
        typeof part === 'function' ? wrapped(part.bind(module) as (...given: unknown[]) => Promise<unknown>) : part,
      ]),
    )
  const { streams, jobs } = store
  const modules = Object.fromEntries(Object.entries(jobs).map(([name, module]) => [name, wrap(module)]))
  return { store: { ...store, streams: wrap(streams), jobs: modules } as Store, died }
}
