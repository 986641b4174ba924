import { hash } from 'node:crypto'

/** Tokens are stored and looked up as hashes; they are random, so a plain SHA-256 is enough. */
export const hashToken = (token: string): string => hash('sha256', token, 'base64url')

/** A prefix for each kind of token, so that one kind is never accepted as another. */
export const tokenPrefixes = {
  access: 'mya',
  refresh: 'myr',
  login: 'myl',
  registration: 'myt',
  interactive: 'myi',
  nonce: 'myn',
  openid: 'myo',
} as const
