import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import type { ServerName } from '#protocol/ids.ts'
import { decodeUnpaddedBase64, encodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'

/** The signing algorithm and the key's own name, as in `ed25519:auto`. */
export type KeyId = `ed25519:${string}`

/** What checks a signature: whose it claims to be, under which key id, and the public half. */
export type VerifyKey = { serverName: ServerName; keyId: string; publicKey: KeyObject }

/** What makes a signature in a server's name. */
export type SigningKey = VerifyKey & { keyId: KeyId; privateKey: KeyObject }

const rawKeyBytes = 32
const privateDer = Buffer.from('302e020100300506032b657004220420', 'hex')
const publicDer = Buffer.from('302a300506032b6570032100', 'hex')

/** Builds a key from its 32-byte seed in unpadded base64; throws when the seed is anything else. */
export function signingKeyFromSeed(names: { serverName: ServerName; keyId: KeyId }, seed: string): SigningKey {
  const raw = decodeUnpaddedBase64(seed)
  if (raw?.length !== rawKeyBytes) throw new TypeError('An ed25519 seed is 32 bytes of base64')
  const privateKey = createPrivateKey({ key: Buffer.concat([privateDer, raw]), format: 'der', type: 'pkcs8' })
  return { ...names, privateKey, publicKey: createPublicKey(privateKey) }
}

/** The seed of a private key in unpadded base64, as it is kept on disk. */
export function seedOf(privateKey: KeyObject): string {
  return encodeUnpaddedBase64(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(privateDer.length))
}

/**
 * Reads a public key in unpadded base64; undefined when it is none. Servers publish theirs in the standard alphabet, those
 * of third-party invites and Policy Servers may also come in the URL-safe one.
 * https://spec.matrix.org/v1.19/client-server-api/#mroomthird_party_invite
 */
export function decodePublicKey(text: string): KeyObject | undefined {
  const raw = decodeUnpaddedBase64(text.replaceAll('-', '+').replaceAll('_', '/'))
  if (raw?.length !== rawKeyBytes) return undefined
  return createPublicKey({ key: Buffer.concat([publicDer, raw]), format: 'der', type: 'spki' })
}

/** A public key in unpadded base64, as servers publish it. */
export function encodePublicKey(publicKey: KeyObject): string {
  return encodeUnpaddedBase64(publicKey.export({ format: 'der', type: 'spki' }).subarray(publicDer.length))
}
