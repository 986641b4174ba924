import type { JsonObject } from '#protocol/events/event.ts'
import { isObject } from '#protocol/events/event.ts'
import type { ServerName, UserId } from '#protocol/ids.ts'
import { askServer } from '#services/remote/remote-client.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import type { CrossSigningKey } from '#store/e2ee/cross-signing.ts'
import { identityOf } from '#services/e2ee/check-device-keys.ts'
import { refreshDeviceList, type DeviceListNeeds } from './device-lists.ts'
import { readCrossSigningKey, readDevice } from './published-devices.ts'

/** The users and devices to ask one server for; no device ids means all. */
export type RemoteQuery = { userId: UserId; deviceIds: readonly string[] }

/** Keys as another server answered them, as far as they are right. */
export type RemoteKeys = {
  deviceKeys: Record<UserId, Record<string, JsonObject>>
  masterKeys: Record<UserId, JsonObject>
  selfSigningKeys: Record<UserId, JsonObject>
}

const defaultTimeoutMs = 10_000
const maxAnswerBytes = 16_777_216
/** Lists that are fetched at once from one server. */
const maxAtOnce = 10

/**
 * Makes sure that the device lists are here of those users with whom one of ours shares a room, and answers the others.
 * Throws RemoteError where their server does not answer.
 */
export async function fetchDeviceLists(
  ctx: DeviceListNeeds,
  userIds: readonly UserId[],
  timeoutMs = defaultTimeoutMs,
): Promise<UserId[]> {
  const fresh = (await ctx.store.e2ee.remoteDeviceLists.listOf(userIds)).filter(({ isStale }) => !isStale)
  const known = new Set(fresh.map(({ userId }) => userId))
  const missing = userIds.filter((userId) => !known.has(userId))
  const shared = new Set(await ctx.store.rooms.sharing.sharingWithAccounts(missing))
  const waiting = [...shared]
  const fetchNext = async () => {
    for (let userId = waiting.pop(); userId !== undefined; userId = waiting.pop())
      await refreshDeviceList(ctx, userId, timeoutMs)
  }
  await Promise.all(Array.from({ length: maxAtOnce }, fetchNext))
  return missing.filter((userId) => !shared.has(userId))
}

/** Asks a server for keys of its users, without keeping them. Throws RemoteError. */
export async function askForKeys(
  ctx: DeviceListNeeds,
  server: ServerName,
  { queries, timeoutMs = defaultTimeoutMs }: { queries: readonly RemoteQuery[]; timeoutMs?: number | undefined },
): Promise<RemoteKeys> {
  const answer = await askServer(ctx, {
    destination: server,
    method: 'POST',
    path: ['_matrix', 'federation', 'v1', 'user', 'keys', 'query'],
    content: { device_keys: Object.fromEntries(queries.map(({ userId, deviceIds }) => [userId, [...deviceIds]])) },
    maxBytes: maxAnswerBytes,
    timeoutMs,
  })
  return {
    deviceKeys: Object.fromEntries(
      queries.map(({ userId }) => [userId, devicesIn(userId, ownIn(answer.device_keys, userId))]),
    ),
    masterKeys: keysIn(answer.master_keys, { queries, usage: 'master' }),
    selfSigningKeys: keysIn(answer.self_signing_keys, { queries, usage: 'self_signing' }),
  }
}

const ownIn = (byUser: unknown, userId: UserId): JsonObject => {
  const own = isObject(byUser as JsonObject) && Object.hasOwn(byUser as JsonObject, userId)
  const value = own ? (byUser as JsonObject)[userId] : undefined
  return isObject(value) ? value : {}
}

function devicesIn(userId: UserId, devices: JsonObject): Record<string, JsonObject> {
  return Object.fromEntries(
    Object.entries(devices).flatMap(([deviceId, keys]) => {
      const unsigned = isObject(keys) && isObject(keys.unsigned) ? keys.unsigned : {}
      const device = readDevice({ userId, deviceId }, keys, unsigned.device_display_name)
      if (!device) return []
      const { displayName, signatures } = device
      const named = displayName === undefined ? {} : { device_display_name: displayName }
      return [[deviceId, { ...identityOf(device), signatures: { [userId]: { ...signatures } }, unsigned: named }]]
    }),
  )
}

function keysIn(
  byUser: unknown,
  { queries, usage }: { queries: readonly RemoteQuery[]; usage: CrossSigningKey['usage'] },
): Record<UserId, JsonObject> {
  return Object.fromEntries(
    queries.flatMap(({ userId }) =>
      readCrossSigningKey({ userId, usage }, ownIn(byUser, userId)).map(({ json }) => [
        userId,
        JSON.parse(json) as JsonObject,
      ]),
    ),
  )
}

/** What `failures` says of a server that could not be asked. */
export const failureOf = (error: unknown): JsonObject => {
  if (!(error instanceof RemoteError)) throw error
  return { status: error.status ?? 503, message: error.message }
}
