import { systemClock } from '#base/clock.ts'
import type { Context } from '#context.ts'

type Store = Pick<Context['store'], 'ping'>

const patienceMs = 2000
// Concurrent checks share one query: the endpoint is public, and must not load the database.
const underWay = new WeakMap<Store, Promise<boolean>>()

/** Whether the database answers in time. */
export function isReady(store: Store): Promise<boolean> {
  const asked = underWay.get(store) ?? ask(store).finally(() => underWay.delete(store))
  underWay.set(store, asked)
  return asked
}

async function ask(store: Store): Promise<boolean> {
  const answered = new AbortController()
  // Database timeouts run on real time, also under a fake clock.
  const late = systemClock.sleep(patienceMs, answered.signal).then(() => false)
  const ready = store.ping().then(
    () => true,
    () => false,
  )
  return Promise.race([ready, late]).finally(() => answered.abort())
}
