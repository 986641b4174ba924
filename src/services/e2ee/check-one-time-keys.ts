import { badJson, invalidParam } from '#base/errors.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { PublicKey } from '#store/e2ee/one-time-keys.ts'
import { canonicalUpload } from './signed-keys.ts'

const maxKeyBytes = 4096
const form = /^([^:\0]{1,100}):([^\0]{1,255})$/s

/** A key as uploaded: plain text, or an object with `key` and `signatures` when its algorithm is a signed one. */
export type OneTimeKeyUpload = string | (JsonObject & { key: string; signatures: JsonObject })

/** Reads uploaded keys, named `algorithm:id`. */
export function checkOneTimeKeys(upload: Record<string, OneTimeKeyUpload>): PublicKey[] {
  return Object.entries(upload).map(([name, key]) => {
    const [, algorithm, keyId] = form.exec(name) ?? []
    if (algorithm === undefined || keyId === undefined) throw badJson('A key is not named after its algorithm')
    if (algorithm.startsWith('signed_') && typeof key === 'string') throw badJson('A signed key is no object')
    return { algorithm, keyId, json: canonicalUpload(key, maxKeyBytes) }
  })
}

/** As `checkOneTimeKeys`, at most one for each algorithm. */
export function checkFallbackKeys(upload: Record<string, OneTimeKeyUpload>): PublicKey[] {
  const keys = checkOneTimeKeys(upload)
  if (new Set(keys.map((key) => key.algorithm)).size < keys.length)
    throw invalidParam('There is more than one fallback key of an algorithm')
  return keys
}
