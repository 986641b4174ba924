import type { Context } from '#context.ts'
import {
  accountDataChanged,
  devicesDeleted,
  eventsCommitted,
  presenceChanged,
  receiptMoved,
  toDeviceQueued,
  typingChanged,
} from '#bus/topics.ts'
import { deviceKey, type SyncStream } from './streams.ts'

/** Wakes the long polls of this process for which a stream has moved, here or in another process; the answer ends it. */
export function startWakingWaiters({ bus, waiters }: Pick<Context, 'bus' | 'waiters'>): () => void {
  const moveFor = (keys: readonly string[], stream: SyncStream) => {
    for (const key of keys) waiters.move(key, stream)
  }
  const subscriptions = [
    bus.subscribe(eventsCommitted, ({ userIds, changesMembers }) => {
      // First, so that who is woken by the event knows that memberships changed as well.
      if (changesMembers) moveFor(userIds, 'members')
      moveFor(userIds, 'events')
    }),
    bus.subscribe(receiptMoved, ({ userIds }) => moveFor(userIds, 'receipts')),
    bus.subscribe(typingChanged, ({ userIds }) => moveFor(userIds, 'typing')),
    bus.subscribe(presenceChanged, ({ userIds }) => moveFor(userIds, 'presence')),
    bus.subscribe(accountDataChanged, ({ userId }) => moveFor([userId], 'account_data')),
    bus.subscribe(toDeviceQueued, ({ devices }) => moveFor(devices.map(deviceKey), 'to_device')),
    bus.subscribe(devicesDeleted, ({ devices }) => moveFor(devices.map(deviceKey), 'session')),
  ]
  return () => subscriptions.forEach((end) => end())
}
