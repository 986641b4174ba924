import { Session } from 'node:inspector/promises'

/** Gives back what is no longer used. V8 does so only when it needs more, which an idle server never does. */
export async function collectGarbage(): Promise<void> {
  const session = new Session()
  session.connect()
  await session.post('HeapProfiler.collectGarbage')
  session.disconnect()
}
