import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'

const ivBytes = 12
const tagBytes = 16

/** Encrypts text with a key derived from the secret; `iv` is 12 random bytes. */
export function seal(text: string, { secret, iv }: { secret: string; iv: Buffer }): string {
  const cipher = createCipheriv('aes-256-gcm', keyFrom(secret), iv)
  const encrypted = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), encrypted]).toString('base64url')
}

/** The text that was sealed with this secret; throws with any other. */
export function unseal(sealed: string, secret: string): string {
  const bytes = Buffer.from(sealed, 'base64url')
  const decipher = createDecipheriv('aes-256-gcm', keyFrom(secret), bytes.subarray(0, ivBytes))
  decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
  return decipher.update(bytes.subarray(ivBytes + tagBytes), undefined, 'utf8') + decipher.final('utf8')
}

/** Must differ from the hash under which the secret is stored. */
const keyFrom = (secret: string): Buffer => createHash('sha256').update(`seal ${secret}`).digest()
