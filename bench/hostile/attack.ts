import type { Target } from '../support/target.ts'
import type { User } from '../support/user.ts'

/** Where and how an attack happens. */
export type Field = {
  target: Target
  /** Where the server keeps its data, and its PostgreSQL if it has one. */
  dataDir: string
  database: string | undefined
  /** Ends the attack. */
  signal: AbortSignal
  /** What the server must not let happen. */
  fail(message: string): void
}

/** An attack on one of the findings, from outside; bounded in count and by the signal. */
export type Attack = {
  /** Of the finding, and what is done. */
  name: string
  summary: string
  /** Settings of the server under attack that differ from the defaults. */
  settings?: Readonly<Record<string, string>>
  /** The server's standard output takes nothing. */
  hasFullOutput?: true
  /** What may be on disk afterwards that was not before. */
  maxDiskMb?: number
  run(field: Field): Promise<void>
}

export const client = '/_matrix/client/v3'

/** Does it so many times, some at once, until the attack ends; answers do not matter. */
export async function repeat(
  { signal }: Pick<Field, 'signal'>,
  { times, atOnce }: { times: number; atOnce: number },
  work: (turn: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < times && !signal.aborted) await work(next++).catch(() => {})
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** Account data of so many megabytes, an object a megabyte. */
export const fillAccount = (field: Field, user: User, megabytes: number): Promise<void> =>
  repeat(field, { times: megabytes, atOnce: 2 }, (turn) =>
    user.attempt('PUT', `${client}/user/${encodeURIComponent(user.userId)}/account_data/x.big${turn}`, {
      text: 'a'.repeat(1_000_000),
    }),
  )
