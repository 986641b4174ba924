import { Session } from 'node:inspector/promises'

/** Collects garbage. V8 does so only when it needs memory, which an idle server does not. */
export async function collectGarbage(): Promise<void> {
  const session = new Session()
  session.connect()
  await session.post('HeapProfiler.collectGarbage')
  session.disconnect()
}
