import { hash } from 'node:crypto'
import type { ServerName } from '#protocol/ids.ts'
import { signingKeyFromSeed, type KeyId, type SigningKey } from '#protocol/events/signing-key.ts'

const keys = new Map<string, SigningKey>()

/** A server's key as rooms of tests use it, the same under any key id. */
export function keyOf(serverName: ServerName, keyId: KeyId = 'ed25519:1'): SigningKey {
  const name = `${keyId} ${serverName}`
  const known = keys.get(name)
  if (known) return known
  const seed = hash('sha256', serverName, 'base64').replace(/=+$/, '')
  const key = signingKeyFromSeed({ serverName, keyId }, seed)
  keys.set(name, key)
  return key
}
