import type { Ticket } from '#base/waiters.ts'
import type { Context } from '#context.ts'

/** Waits until the ticket is called, the deadline passes, or the client goes away. */
export async function waitForNews(
  { clock }: Pick<Context, 'clock'>,
  ticket: Ticket,
  { deadline, signal }: { deadline: number; signal: AbortSignal },
): Promise<void> {
  const done = new AbortController()
  const stop = () => done.abort()
  signal.addEventListener('abort', stop)
  await Promise.race([ticket.woken, clock.sleep(Math.max(0, deadline - clock.now()), done.signal)])
  stop()
  signal.removeEventListener('abort', stop)
}
