import { systemClock } from '#base/clock.ts'
import type { Context } from '#context.ts'

type Store = Pick<Context['store'], 'ping'>

const patienceMs = 2000
// All who ask at once get one answer: anybody may ask, and it must cost the database nothing.
const underWay = new WeakMap<Store, Promise<boolean>>()

/** Whether the database answers, and soon. */
export function isReady(store: Store): Promise<boolean> {
  const asked = underWay.get(store) ?? ask(store).finally(() => underWay.delete(store))
  underWay.set(store, asked)
  return asked
}

async function ask(store: Store): Promise<boolean> {
  const answered = new AbortController()
  // Databases live in real time, whatever clock the server runs on.
  const late = systemClock.sleep(patienceMs, answered.signal).then(() => false)
  const ready = store.ping().then(
    () => true,
    () => false,
  )
  return Promise.race([ready, late]).finally(() => answered.abort())
}
