import { keyStocksChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import type { ClaimedKey, KeyClaim } from '#store/e2ee/one-time-keys.ts'
import { requireBounded } from './bounded-request.ts'
import { partitionByServer } from './remote-users.ts'
import { claimRemoteKeys } from './remote/claim-remote-keys.ts'
import { failureOf } from './remote/query-remote-keys.ts'
import type { RemoteNeeds } from '#services/remote/remote-client.ts'

type Needs = Pick<Context, 'store' | 'config' | 'bus'>

/** User id to device id to `algorithm:id` to key. */
export type ClaimedKeys = Record<string, Record<string, Record<string, JsonValue>>>

/** Claims one key of every requested device, on this server and others; devices without keys are left out. */
export async function claimKeys(
  ctx: Needs & RemoteNeeds,
  claims: readonly KeyClaim[],
  timeoutMs?: number,
): Promise<{ oneTimeKeys: ClaimedKeys; failures: Record<string, JsonObject> }> {
  requireBounded(ctx, { users: new Set(claims.map(({ userId }) => userId)).size, devices: claims.length })
  const { local, remote } = partitionByServer(ctx, claims)
  const failures: Record<string, JsonObject> = {}
  const claimed = await Promise.all([
    claimLocalKeys(ctx, local),
    ...[...remote].map(([server, ofServer]) =>
      claimRemoteKeys(ctx, server, { claims: ofServer, timeoutMs }).catch((error: unknown): ClaimedKeys => {
        failures[server] = failureOf(error)
        return {}
      }),
    ),
  ])
  return { oneTimeKeys: Object.assign({}, ...claimed) as ClaimedKeys, failures }
}

/** Claims keys of devices of this server, each once. */
export async function claimLocalKeys(ctx: Needs, claims: readonly KeyClaim[]): Promise<ClaimedKeys> {
  if (claims.length === 0) return {}
  const { claimed_keys_per_device: maxClaimed } = ctx.config.limits
  const claimed = await ctx.store.transaction((tx) => tx.e2ee.oneTimeKeys.claim(claims, maxClaimed))
  const devices = claimed.map(({ userId, deviceId }) => ({ userId, deviceId }))
  if (devices.length > 0) ctx.bus.publish(keyStocksChanged, { devices })
  return byDevice(claimed)
}

function byDevice(keys: readonly ClaimedKey[]): ClaimedKeys {
  const users = new Map<string, Map<string, Record<string, JsonValue>>>()
  for (const { userId, deviceId, algorithm, keyId, json } of keys) {
    const devices = users.get(userId) ?? new Map<string, Record<string, JsonValue>>()
    users.set(userId, devices.set(deviceId, { [`${algorithm}:${keyId}`]: JSON.parse(json) as JsonValue }))
  }
  return Object.fromEntries([...users].map(([userId, devices]) => [userId, Object.fromEntries(devices)]))
}
