import { setTimeout as sleep } from 'node:timers/promises'

/** Asks until the answer is true; what throws ends it. */
export async function eventually(
  what: string,
  look: () => boolean | Promise<boolean>,
  { withinMs = 30_000 } = {},
): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`Waited in vain for ${what}`)
    await sleep(100)
  }
}
