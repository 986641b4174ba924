import type { UserId } from '#protocol/ids.ts'

/**
 * What may hold something new for a reader, each by itself. `members`: a membership changed in a room of the
 * user, or the user's own. `to_device` and `session` move for one device, the others for a user.
 */
export const syncStreams = [
  'events',
  'members',
  'receipts',
  'typing',
  'presence',
  'account_data',
  'device_lists',
  'to_device',
  'session',
] as const

export type SyncStream = (typeof syncStreams)[number]

/** The key of a device in the waiters. */
export const deviceKey = ({ userId, deviceId }: { userId: UserId; deviceId: string }): string => `${userId} ${deviceId}`
