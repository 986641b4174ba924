import { hash } from 'node:crypto'
import type { ServerName } from '#protocol/ids.ts'
import { signingKeyFromSeed, type KeyId, type SigningKey } from '#protocol/events/signing-key.ts'

/** A server's key as rooms of tests use it, the same under any key id. */
export function keyOf(serverName: ServerName, keyId: KeyId = 'ed25519:1'): SigningKey {
  const seed = hash('sha256', serverName, 'base64').replace(/=+$/, '')
  return signingKeyFromSeed({ serverName, keyId }, seed)
}
