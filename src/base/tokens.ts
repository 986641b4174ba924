import { randomBytes, randomInt } from 'node:crypto'

/** Randomness as an effect: tests may pass a seeded one. */
export type Tokens = {
  /** Cryptographically random bytes. */
  bytes(length: number): Buffer
  /** Random letters and digits: for opaque ids that are not secrets by themselves. */
  id(length: number): string
  /** Random upper-case letters: the form of device ids. */
  letters(length: number): string
  /** An unguessable secret of 256 bits, safe in URLs and headers, with a prefix that names its kind. */
  secret(prefix: string): string
}

const pick = (alphabet: string, length: number): string => {
  let text = ''
  for (let i = 0; i < length; i++) text += alphabet[randomInt(alphabet.length)]
  return text
}

export const systemTokens: Tokens = {
  bytes: (length) => randomBytes(length),
  id: (length) => pick('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', length),
  letters: (length) => pick('ABCDEFGHIJKLMNOPQRSTUVWXYZ', length),
  secret: (prefix) => `${prefix}_${randomBytes(32).toString('base64url')}`,
}
