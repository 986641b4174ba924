import type { JsonValue } from '#protocol/events/event.ts'
import type { RoomId, ServerName, UserId } from '#protocol/ids.ts'

/** The kind of a message; its payload travels between processes as JSON. */
export type Topic<Payload extends JsonValue> = {
  readonly name: string
  /** Never set: only carries the type of the payload. */
  readonly payload?: Payload
}

const topic = <Payload extends JsonValue>(name: string): Topic<Payload> => ({ name })

export type DeviceRef = { userId: UserId; deviceId: string }

// Every topic has a publisher and a listener; spec-tests/bus/topics.test.ts checks that.
// Besides those named, jobs/follower listens to those of the streams that it follows.

/**
 * Events of a room are committed, or the last members that a join left out. `userIds`: the users of this server whom
 * they concern. Published in the same turn of the event loop in which the position of the event stream moves, so that
 * no reader sees one without the other.
 * From: services/rooms/live, services/rooms/membership. Listeners: services/sync/wake-waiters,
 * services/federation/receive/transactions, services/rooms/ephemeral, services/rooms/live/whole-room.
 */
export const eventsCommitted = topic<{
  roomId: RoomId
  /** Of the newest event. */
  position: number
  userIds: UserId[]
  /** Whether a membership changed. */
  changesMembers: boolean
}>('events.committed')

/**
 * A user's receipt moved. `userIds`: the users of this server who may see it; `threadId`: '' without thread.
 * From: services/rooms/ephemeral. Listeners: services/sync/wake-waiters, services/push/follow-changes,
 * services/federation/send.
 */
export const receiptMoved = topic<{
  roomId: RoomId
  userId: UserId
  userIds: UserId[]
  type: string
  threadId: string
}>('receipt.moved')

/**
 * The typing users of a room changed. `userIds`: the room's users of this server.
 * From: services/rooms/ephemeral. Listeners: services/sync/wake-waiters, services/federation/send.
 */
export const typingChanged = topic<{ roomId: RoomId; userIds: UserId[] }>('typing.changed')

/**
 * The presence of a user changed. `userIds`: the users who may see it.
 * From: services/presence. Listeners: services/sync/wake-waiters, services/federation/send.
 */
export const presenceChanged = topic<{ userIds: UserId[] }>('presence.changed')

/**
 * Account data of a user was set; `roomId` is '' for global account data. Push rules are account data as well.
 * From: services/accounts/data, services/push, services/rooms. Listeners: services/sync/wake-waiters,
 * services/push/follow-changes.
 */
export const accountDataChanged = topic<{ userId: UserId; changes: { roomId: RoomId | ''; type: string }[] }>(
  'account_data.changed',
)

/**
 * To-device messages were queued for some devices.
 * From: services/e2ee. Listeners: services/sync/wake-waiters.
 */
export const toDeviceQueued = topic<{ devices: DeviceRef[] }>('to_device.queued')

/**
 * Other users must query the keys of these users again.
 * From: services/e2ee, services/accounts. Listeners: services/e2ee/device-lists.
 */
export const deviceListsChanged = topic<{ userIds: UserId[] }>('device_lists.changed')

/**
 * One-time or fallback keys of some devices were uploaded or claimed.
 * From: services/e2ee. Listeners: services/e2ee/key-stock.
 */
export const keyStocksChanged = topic<{ devices: DeviceRef[] }>('key_stocks.changed')

/**
 * Access tokens or the account of a user changed.
 * From: services/accounts. Listeners: services/accounts/sessions/session-changes.
 */
export const sessionsChanged = topic<{ userId: UserId }>('sessions.changed')

/**
 * An account is erased: those who were not there read its events redacted.
 * From: services/accounts. Listeners: services/accounts/data.
 */
export const accountErased = topic<{ userId: UserId }>('account.erased')

/**
 * An account was deactivated.
 * From: services/accounts. Listeners: services/presence.
 */
export const accountDeactivated = topic<{ userId: UserId }>('account.deactivated')

/**
 * Devices were deleted with all that belonged to them.
 * From: services/accounts. Listeners: services/sync/wake-waiters, services/e2ee/key-stock.
 */
export const devicesDeleted = topic<{ devices: DeviceRef[] }>('devices.deleted')

/**
 * Jobs of a kind were added or cancelled.
 * From: services/accounts, services/rooms/purge, services/e2ee/remote, services/federation/join.
 * Listeners: jobs/job-worker.
 */
export const jobsChanged = topic<{ kind: string }>('jobs.changed')

/**
 * A room must be reloaded, or was deleted.
 * From: services/rooms/purge. Listeners: services/rooms/purge/forget-live-room.
 */
export const roomHidden = topic<{ roomId: RoomId }>('room.hidden')

/**
 * A room was deleted.
 * From: services/rooms/purge. Listeners: services/rooms/account-rooms.
 */
export const roomRemoved = topic<{ roomId: RoomId }>('room.removed')

/**
 * A user has forgotten a room.
 * From: services/rooms/membership. Listeners: services/rooms/account-rooms.
 */
export const roomForgotten = topic<{ roomId: RoomId; userId: UserId }>('room.forgotten')

/**
 * EDUs were put into the durable queues of other servers.
 * From: services/remote. Listeners: services/federation/send.
 */
export const edusQueued = topic<{ destinations: ServerName[] }>('edus.queued')
