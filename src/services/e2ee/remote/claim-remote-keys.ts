import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import type { ServerName } from '#protocol/ids.ts'
import { askServer, type RemoteNeeds } from '#services/remote/remote-client.ts'
import type { KeyClaim } from '#store/e2ee/one-time-keys.ts'

type Claiming = { claims: readonly KeyClaim[]; timeoutMs?: number | undefined }
type Claimed = Record<string, Record<string, Record<string, JsonValue>>>

const maxAnswerBytes = 8_388_608
const maxKeyBytes = 8192

/** Claims keys of devices of another server. Throws RemoteError where it does not answer. */
export async function claimRemoteKeys(
  ctx: RemoteNeeds,
  server: ServerName,
  { claims, timeoutMs = 10_000 }: Claiming,
): Promise<Claimed> {
  const byUser: Record<string, Record<string, string>> = {}
  for (const { userId, deviceId, algorithm } of claims) (byUser[userId] ??= {})[deviceId] = algorithm
  const answer = await askServer(ctx, {
    destination: server,
    method: 'POST',
    path: ['_matrix', 'federation', 'v1', 'user', 'keys', 'claim'],
    content: { one_time_keys: byUser },
    maxBytes: maxAnswerBytes,
    timeoutMs,
  })
  const claimed: Claimed = {}
  for (const { userId, deviceId, algorithm } of claims) {
    const keys = objectIn(objectIn(objectIn(answer, 'one_time_keys'), userId), deviceId)
    // One key of the algorithm that was asked for, and nothing else that the server may have put beside it.
    const found = Object.entries(keys).find(([id, key]) => id.startsWith(`${algorithm}:`) && isKey(key))
    if (found) (claimed[userId] ??= {})[deviceId] = { [found[0]]: found[1] as JsonValue }
  }
  return claimed
}

function objectIn(object: JsonObject, name: string): JsonObject {
  const value = Object.hasOwn(object, name) ? object[name] : undefined
  return isObject(value) ? value : {}
}

function isKey(key: JsonValue | undefined): boolean {
  if (typeof key === 'string') return key.length <= maxKeyBytes
  if (!isObject(key) || typeof key.key !== 'string' || !isObject(key.signatures)) return false
  return JSON.stringify(key).length <= maxKeyBytes
}
