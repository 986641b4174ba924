import type { Log } from '#base/log.ts'
import type { JsonValue } from '#protocol/events/event.ts'
import type { Bus } from './bus.ts'

type Listener = (payload: never) => void

/** A bus within one process. A listener that fails neither stops the other listeners nor fails the publisher. */
export function localBus(log?: Pick<Log, 'error'>): Bus {
  const listenersOf = new Map<string, Set<Listener>>()
  return {
    publish({ name }, payload) {
      for (const listener of listenersOf.get(name) ?? [])
        try {
          listener(payload as never)
        } catch (error) {
          log?.error('a listener of the bus failed', { topic: name, error })
        }
    },
    subscribe({ name }, listener) {
      const listeners = listenersOf.get(name) ?? new Set()
      // Of its own, so that one function may be subscribed twice.
      const own: Listener = (payload: JsonValue) => listener(payload as never)
      listenersOf.set(name, listeners.add(own))
      return () => void listeners.delete(own)
    },
    close: async () => listenersOf.clear(),
  }
}
