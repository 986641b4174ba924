import { canonicalJson, CanonicalJsonError } from '#protocol/json/canonical-json.ts'
import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import { signingKeyIds, verifyJson } from '#protocol/events/signatures.ts'
import { decodePublicKey } from '#protocol/events/signing-key.ts'
import { isValidServerName, type ServerName } from '#protocol/ids.ts'
import type { StoredServerKey } from '#store/federation/server-keys.ts'

/** What a server says of its own keys, in an answer that it signed. */
export type PublishedKeys = {
  server: ServerName
  /** Milliseconds since the epoch: what the server says, but not more than seven days from now. */
  validUntil: number
  keys: StoredServerKey[]
  /** The answer as canonical JSON. */
  text: string
}

const week = 604_800_000
/** Of an answer, old keys included. */
const maxKeys = 100
export const maxAnswerBytes = 65_536

/** Reads an answer; undefined where it is malformed, or one of the keys that it names signed it wrongly, or none signed it. */
export function readPublishedKeys(answer: JsonValue, now: number): PublishedKeys | undefined {
  if (!isObject(answer)) return undefined
  const { server_name: server, valid_until_ts: claimed, verify_keys: current, old_verify_keys: old = {} } = answer
  if (typeof server !== 'string' || !isValidServerName(server) || !isTime(claimed)) return undefined
  if (!isObject(current) || !isObject(old) || Object.keys(current).length + Object.keys(old).length > maxKeys)
    return undefined
  const validUntil = Math.min(claimed, now + week)
  const keys = Object.entries(current).flatMap(([keyId, value]) => keyFrom(keyId, value, { validUntil }))
  if (!isSignedByAll(answer, server, keys)) return undefined
  const former = Object.entries(old).flatMap(([keyId, value]) => {
    const expiredAt = isObject(value) ? value.expired_ts : undefined
    return isTime(expiredAt) ? keyFrom(keyId, value, { validUntil: expiredAt, expiredAt }) : []
  })
  const text = canonicalText(answer)
  return text === undefined ? undefined : { server, validUntil, keys: [...keys, ...former], text }
}

const isTime = (value: JsonValue | undefined): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function keyFrom(
  keyId: string,
  value: JsonValue | undefined,
  times: { validUntil: number; expiredAt?: number },
): StoredServerKey[] {
  const publicKey = isObject(value) ? value.key : undefined
  if (!/^ed25519:[A-Za-z0-9_]{1,200}$/.test(keyId) || typeof publicKey !== 'string') return []
  return decodePublicKey(publicKey) ? [{ keyId, publicKey, expiredAt: undefined, ...times }] : []
}

function isSignedByAll(answer: JsonObject, server: ServerName, keys: readonly StoredServerKey[]): boolean {
  const signed = new Set(signingKeyIds(answer, server))
  const used = keys.filter(({ keyId }) => signed.has(keyId))
  return (
    used.length > 0 &&
    used.every(({ keyId, publicKey: text }) => {
      const publicKey = decodePublicKey(text)
      return publicKey !== undefined && verifyJson(answer, { serverName: server, keyId, publicKey })
    })
  )
}

function canonicalText(answer: JsonObject): string | undefined {
  try {
    const text = canonicalJson(answer, 'lenient')
    return Buffer.byteLength(text) <= maxAnswerBytes ? text : undefined
  } catch (error) {
    if (error instanceof CanonicalJsonError) return undefined
    throw error
  }
}
