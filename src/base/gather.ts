import { inSlices } from './in-slices.ts'

type Waiting<Ask, Answer> = { ask: Ask; resolve(answer: Answer): void; reject(error: unknown): void }

/**
 * Makes a function for one item of a function for many: the calls of one turn of the event loop are answered by one call
 * of `run`, or a few where there are more than `most`. `run` answers in the order of its items.
 */
export function gather<Ask, Answer>(
  most: number,
  run: (asks: readonly Ask[]) => Promise<readonly Answer[]>,
): (ask: Ask) => Promise<Answer> {
  let waiting: Waiting<Ask, Answer>[] = []

  const answer = async (slice: readonly Waiting<Ask, Answer>[]): Promise<void> => {
    try {
      const answers = await run(slice.map(({ ask }) => ask))
      slice.forEach(({ resolve }, index) => resolve(answers[index] as Answer))
    } catch (error) {
      for (const { reject } of slice) reject(error)
    }
  }

  const flush = () => {
    const asked = waiting
    waiting = []
    for (const slice of inSlices(asked, most)) void answer(slice)
  }

  return (ask) =>
    new Promise((resolve, reject) => {
      if (waiting.push({ ask, resolve, reject }) === 1) setImmediate(flush)
    })
}
