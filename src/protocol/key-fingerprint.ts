import { hash } from 'node:crypto'

/**
 * Identifies one-time keys of a device by the key itself: one that comes again under another id is the same, and
 * another one under the same id is not. `json` is the key as uploaded, text or an object with `key`.
 */
export function keyFingerprint({ algorithm, json }: { algorithm: string; json: string }): string {
  const key = JSON.parse(json) as string | { key?: unknown }
  const material = typeof key === 'string' ? key : String(key.key)
  return hash('sha256', `${algorithm.replace(/^signed_/, '')} ${material}`, 'base64url').slice(0, 16)
}
